import type { Background, Color, Scene, SceneObject } from "./scene.ts";
import { toObject } from "./scene.ts";
import { boundingRadius, signedDistance } from "./shapes.ts";

/** Far objects fade towards the wall: the share of the wall's colour at distance 3. */
const HAZE = 0.35;
const HAZE_DISTANCES = [1, 3] as const;
/** Width of the dark rim, as a fraction of the object's diameter: keeps overlapping objects apart. */
const RIM = 0.05;
const RIM_LIGHT = 0.45;
/** Light falls from the upper left: brightness at the centre and its change over one diameter. */
const LIGHT = [1, 0.5] as const;

function mix(a: Color, b: Color, share: number): Color {
  const at = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * share;
  return [at(0), at(1), at(2)];
}

/** A smooth value in [0, 1] at each corner of a grid, the same on every machine. */
function latticeValue(x: number, y: number, seed: number): number {
  let hash = Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca77) ^ seed;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 0xffffffff;
}

function noise(x: number, y: number, seed: number): number {
  const column = Math.floor(x), row = Math.floor(y);
  const ease = (t: number) => t * t * (3 - 2 * t);
  const right = ease(x - column), down = ease(y - row);
  const top = latticeValue(column, row, seed) * (1 - right) +
    latticeValue(column + 1, row, seed) * right;
  const bottom = latticeValue(column, row + 1, seed) * (1 - right) +
    latticeValue(column + 1, row + 1, seed) * right;
  return top * (1 - down) + bottom * down;
}

/** Share of the second tone at a point of the frame; patterns are smooth, so they need no anti-aliasing. */
function toneAt({ pattern, period, angle, noiseSeed }: Background, x: number, y: number): number {
  const along = Math.cos(angle) * x + Math.sin(angle) * y;
  const across = Math.cos(angle) * y - Math.sin(angle) * x;
  const wave = (way: number) => Math.sin(2 * Math.PI * way / period);
  const sharpen = (value: number) => Math.min(1, Math.max(0, 0.5 + 1.5 * value));
  switch (pattern) {
    case "gradient":
      return Math.min(1, Math.max(0, 0.5 + along / 2));
    case "stripes":
      return sharpen(wave(along));
    case "checks":
      return sharpen(2 * wave(along / 2) * wave(across / 2));
    case "dots":
      return sharpen(wave(along) + wave(across) - 0.8);
    case "noise":
      return noise(2 * along / period + 50, 2 * across / period + 50, noiseSeed);
  }
}

function paintBackground(pixels: Float32Array, background: Background, size: number): void {
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const share = toneAt(background, (column + 0.5) / size, (row + 0.5) / size);
      pixels.set(mix(...background.tones, share), 3 * (row * size + column));
    }
  }
}

/** The object's colour at a point, from its own coordinates and its distance to the outline. */
function shade(color: Color, point: readonly [number, number], edge: number): Color {
  const lit = LIGHT[0] - LIGHT[1] * (point[0] + point[1]) / 2;
  // The rim is part of the object, so its width takes part in the anti-aliasing through `edge` alone.
  const light = edge > -RIM ? lit * RIM_LIGHT : lit;
  return [color[0] * light, color[1] * light, color[2] * light];
}

function paintObject(
  pixels: Float32Array,
  object: SceneObject,
  at: { size: number; wall: Color },
): void {
  const { size, wall } = at;
  const [near, far] = HAZE_DISTANCES;
  const haze = HAZE * Math.max(0, object.distance - near) / (far - near);
  const reach = boundingRadius(object.shape) * object.diameter + 1 / size;
  const low = (center: number) => Math.max(0, Math.floor((center - reach) * size));
  const high = (center: number) => Math.min(size, Math.ceil((center + reach) * size));
  const pixelsAcross = object.diameter * size;
  for (let row = low(object.y); row < high(object.y); row++) {
    for (let column = low(object.x); column < high(object.x); column++) {
      const point = toObject(object, (column + 0.5) / size, (row + 0.5) / size);
      const edge = signedDistance(object.shape, point);
      const coverage = Math.min(1, Math.max(0, 0.5 - edge * pixelsAcross));
      if (coverage === 0) continue;
      const place = 3 * (row * size + column);
      const under: Color = [pixels[place]!, pixels[place + 1]!, pixels[place + 2]!];
      pixels.set(mix(under, mix(shade(object.color, point, edge), wall, haze), coverage), place);
    }
  }
}

/** Paints a scene, far to near. Returns RGB bytes [size size 3]. */
export function renderScene({ objects, background }: Scene, size: number): Uint8Array {
  const pixels = new Float32Array(3 * size * size);
  paintBackground(pixels, background, size);
  const wall = mix(...background.tones, 0.5);
  for (const object of objects) paintObject(pixels, object, { size, wall });
  return new Uint8Array(Uint8ClampedArray.from(pixels).buffer);
}
