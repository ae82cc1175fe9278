/** Draws the contents of scenes: objects, colours and walls. */
import { RandomStream } from "../random/mod.ts";
import { boundingRadius, contains, type Shape, SHAPES } from "./shapes.ts";

/** Red, green and blue, 0 to 255. */
export type Color = readonly [number, number, number];

/** A flat object facing the camera. Lengths are fractions of the frame. */
export interface SceneObject {
  readonly shape: Shape;
  readonly color: Color;
  /** Centre, from the left and from the top. */
  readonly x: number;
  readonly y: number;
  /** Diameter of a disc of the same area, as it appears: shrinks as 1 / distance. */
  readonly diameter: number;
  /** Radians, clockwise. */
  readonly turn: number;
  /** From the camera; the nearest object is at 1 to 2, the others up to 3. */
  readonly distance: number;
}

/** The wall behind the objects: two tones in a pattern. */
export interface Background {
  readonly pattern: (typeof PATTERNS)[number];
  readonly tones: readonly [Color, Color];
  /** Length of one repeat, as a fraction of the frame. */
  readonly period: number;
  /** Direction of the pattern, radians. */
  readonly angle: number;
  /** Makes each noise pattern its own. */
  readonly noiseSeed: number;
}

/** One picture, independent of its size in pixels. */
export interface Scene {
  /** Far to near: in the order in which they are painted. */
  readonly objects: readonly SceneObject[];
  readonly background: Background;
}

/** Patterns of the wall. */
export const PATTERNS = ["gradient", "stripes", "checks", "dots", "noise"] as const;

/** Most objects in a scene. */
export const MAX_OBJECTS = 4;

/** Distance of the farthest objects. */
export const FARTHEST_DISTANCE = 3;

const NEAREST_DISTANCE = [1, 2] as const;
const DISTANCE_GAP = 0.25;
/** Of an object at distance 1. Smaller ones would cover too few patches to make prediction worthwhile. */
const DIAMETER_AT_ONE = 0.75;
const SIZE_SPREAD = 0.05;
/** Objects stay whole, unless their tips reach further than this from their centre. */
const LARGEST_MARGIN = 0.38;
const LARGEST_TURN = 0.26;
/** Less would make the number of objects a guess. */
const LEAST_VISIBLE = 0.6;
const PROBES_PER_SIDE = 12;
const TRIES = 100;
/** Of red, green and blue. Objects and walls draw from the same range, so that hue does not separate them. */
const CHANNEL_RANGE = [30, 225] as const;
/** Between the tones of a wall, in each channel. */
const WALL_CONTRAST = [15, 60] as const;
/** Least distance in red, green and blue between the colours of a scene. */
const LEAST_CONTRAST = 60;

type Place = Omit<SceneObject, "color">;

/** Turns a point of the frame into the coordinates of an object's shape. */
export function objectFrame(
  { x: centerX, y: centerY, turn, diameter }: Place,
): (x: number, y: number) => readonly [number, number] {
  const cos = Math.cos(turn), sin = Math.sin(turn);
  return (x, y) => {
    const dx = (x - centerX) / diameter, dy = (y - centerY) / diameter;
    return [cos * dx + sin * dy, cos * dy - sin * dx];
  };
}

/** A test whether a point of the frame is on an object. */
function coverOf(object: Place): (x: number, y: number) => boolean {
  const toObject = objectFrame(object);
  return (x, y) => contains(object.shape, toObject(x, y));
}

function reachOf({ shape, diameter }: Place): number {
  return boundingRadius(shape) * diameter;
}

/** Share of an object's area that nearer objects leave visible, by probing a grid of points. */
export function visibleShare(object: Place, nearer: readonly Place[]): number {
  const reach = reachOf(object);
  const close = nearer.filter((other) =>
    Math.hypot(other.x - object.x, other.y - object.y) < reach + reachOf(other)
  );
  if (close.length === 0) return 1;
  const covers = coverOf(object), hiders = close.map(coverOf);
  let own = 0, seen = 0;
  for (let i = 0; i < PROBES_PER_SIDE ** 2; i++) {
    const column = i % PROBES_PER_SIDE, row = Math.floor(i / PROBES_PER_SIDE);
    const x = object.x + reach * ((2 * column + 1) / PROBES_PER_SIDE - 1);
    const y = object.y + reach * ((2 * row + 1) / PROBES_PER_SIDE - 1);
    if (!covers(x, y)) continue;
    own++;
    if (!hiders.some((hides) => hides(x, y))) seen++;
  }
  return seen / own;
}

function placeObject(random: RandomStream, distance: number): Place {
  const shape = SHAPES[random.integer(SHAPES.length)]!;
  const spread = random.uniform(1 - SIZE_SPREAD, 1 + SIZE_SPREAD);
  const diameter = DIAMETER_AT_ONE * spread / distance;
  const margin = Math.min(boundingRadius(shape) * diameter, LARGEST_MARGIN);
  return {
    shape,
    diameter,
    distance,
    turn: random.uniform(-LARGEST_TURN, LARGEST_TURN),
    x: random.uniform(margin, 1 - margin),
    y: random.uniform(margin, 1 - margin),
  };
}

/** Places the nearest object and others behind it; starts again if some are not visible enough. */
function placeObjects(
  random: RandomStream,
  { count, nearest }: { readonly count: number; readonly nearest: number },
): Place[] {
  const placed = [placeObject(random, nearest)];
  for (let tries = 0; tries < TRIES; tries++) {
    if (placed.length === count) return placed.sort((a, b) => b.distance - a.distance);
    const distance = random.uniform(nearest + DISTANCE_GAP, FARTHEST_DISTANCE);
    const object = placeObject(random, distance);
    const all = [...placed, object];
    const clear = all.every((one) =>
      visibleShare(one, all.filter((other) => other.distance < one.distance)) >= LEAST_VISIBLE
    );
    if (clear) placed.push(object);
  }
  return placeObjects(random, { count, nearest });
}

function jitter(random: RandomStream, color: Color, reach: number): Color {
  const [red, green, blue] = color;
  const shift = () => random.uniform(-reach, reach);
  return [red + shift(), green + shift(), blue + shift()];
}

function drawColor(random: RandomStream): Color {
  const channel = () => random.uniform(...CHANNEL_RANGE);
  return [channel(), channel(), channel()];
}

function drawBackground(random: RandomStream): Background {
  const base = drawColor(random);
  const light = (base[0] + base[1] + base[2]) / 3;
  const contrast = random.uniform(...WALL_CONTRAST) * (light > 130 ? -1 : 1);
  const other: Color = [base[0] + contrast, base[1] + contrast, base[2] + contrast];
  return {
    pattern: PATTERNS[random.integer(PATTERNS.length)]!,
    tones: [base, jitter(random, other, 8)],
    period: random.uniform(0.12, 0.4),
    angle: random.uniform(0, Math.PI),
    noiseSeed: random.uint32(),
  };
}

/** A colour that is distinct from all others. */
function drawOtherColor(random: RandomStream, others: readonly Color[]): Color {
  for (;;) {
    const color = drawColor(random);
    const clear = others.every((other) =>
      Math.hypot(...color.map((value, i) => value - other[i]!)) >= LEAST_CONTRAST
    );
    if (clear) return color;
  }
}

/** Scene number `index` of a seed: one to four objects of different colours before a textured wall. */
export function drawScene(
  { seed, index }: { readonly seed: number; readonly index: number },
): Scene {
  const random = new RandomStream({ seed, purpose: "scene", sample: index });
  const background = drawBackground(random);
  const colors: Color[] = [...background.tones];
  const places = placeObjects(random, {
    count: 1 + random.integer(MAX_OBJECTS),
    nearest: random.uniform(...NEAREST_DISTANCE),
  });
  const objects = places.map((place) => {
    const color = drawOtherColor(random, colors);
    colors.push(color);
    return { ...place, color };
  });
  return { objects, background };
}

/** Labels of a scene. */
export interface SceneLabels {
  /** Shape of the nearest object. */
  readonly shape: Shape;
  /** Number of objects. */
  readonly objects: number;
  /** Distance of the nearest object. */
  readonly distance: number;
}

/** The labels of a scene. */
export function labelsOf({ objects }: Scene): SceneLabels {
  const { shape, distance } = objects.at(-1)!;
  return { shape, objects: objects.length, distance };
}
