/** Renders scenes to pixels. */
import { smoothNoise } from "./noise.ts";
import type { Background, Color, Scene, SceneObject } from "./scene.ts";
import { FARTHEST_DISTANCE, objectFrame } from "./scene.ts";
import { boundingRadius, signedDistance } from "./shapes.ts";

/** Far objects fade towards the wall: the share of the wall's colour at the farthest. */
const HAZE = 0.35;
const HAZE_DISTANCES = [1, FARTHEST_DISTANCE] as const;
/** Light falls from the upper left: brightness at the centre and its change over one diameter. */
const LIGHT = [1, 0.5] as const;

const CHANNELS = [0, 1, 2] as const;

/** Share of the second tone at a point of the frame; patterns are smooth, so they need no anti-aliasing. */
function toneOf(
  { pattern, period, angle, noiseSeed }: Background,
): (x: number, y: number) => number {
  const cos = Math.cos(angle), sin = Math.sin(angle);
  const wave = (way: number) => Math.sin(2 * Math.PI * way / period);
  const sharpen = (value: number) => Math.min(1, Math.max(0, 0.5 + 1.5 * value));
  return (x, y) => {
    const along = cos * x + sin * y, across = cos * y - sin * x;
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
        return smoothNoise(2 * along / period + 50, 2 * across / period + 50, noiseSeed);
    }
  };
}

/** Pixels in the making: RGB [size size 3]. */
interface Canvas {
  readonly size: number;
  readonly pixels: Float32Array;
}

function paintBackground({ size, pixels }: Canvas, background: Background): void {
  const tone = toneOf(background);
  const [first, second] = background.tones;
  for (let row = 0, place = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const share = tone((column + 0.5) / size, (row + 0.5) / size);
      for (const channel of CHANNELS) {
        pixels[place++] = first[channel] + (second[channel] - first[channel]) * share;
      }
    }
  }
}

/** How light an object is at a point in its own coordinates. */
function lightAt([x, y]: readonly [number, number]): number {
  return LIGHT[0] - LIGHT[1] * (x + y) / 2;
}

function paintObject({ size, pixels }: Canvas, object: SceneObject, wall: Color): void {
  const { shape, color, diameter } = object;
  const [near, far] = HAZE_DISTANCES;
  const haze = HAZE * Math.max(0, object.distance - near) / (far - near);
  const reach = boundingRadius(shape) * diameter + 1 / size;
  const low = (center: number) => Math.max(0, Math.floor((center - reach) * size));
  const high = (center: number) => Math.min(size, Math.ceil((center + reach) * size));
  const toObject = objectFrame(object);
  for (let row = low(object.y); row < high(object.y); row++) {
    for (let column = low(object.x); column < high(object.x); column++) {
      const point = toObject((column + 0.5) / size, (row + 0.5) / size);
      const edge = signedDistance(shape, point);
      const coverage = Math.min(1, Math.max(0, 0.5 - edge * diameter * size));
      if (coverage === 0) continue;
      const light = lightAt(point);
      for (const channel of CHANNELS) {
        const place = 3 * (row * size + column) + channel;
        const lit = color[channel] * light;
        const seen = lit + (wall[channel] - lit) * haze;
        pixels[place]! += (seen - pixels[place]!) * coverage;
      }
    }
  }
}

/** Paints a scene, far to near. Returns RGB bytes [size size 3]. */
export function renderScene({ objects, background }: Scene, size: number): Uint8Array {
  const canvas = { size, pixels: new Float32Array(3 * size * size) };
  paintBackground(canvas, background);
  const [first, second] = background.tones;
  const [red, green, blue] = CHANNELS.map((channel) => (first[channel] + second[channel]) / 2);
  for (const object of objects) paintObject(canvas, object, [red!, green!, blue!]);
  return new Uint8Array(Uint8ClampedArray.from(canvas.pixels).buffer);
}
