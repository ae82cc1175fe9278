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

/** How the wall may look. */
export const PATTERNS = ["gradient", "stripes", "checks", "dots", "noise"] as const;

/** Most objects in a scene. */
export const MAX_OBJECTS = 4;

const NEAREST_DISTANCE = [1, 2] as const;
const FARTHEST_DISTANCE = 3;
const DISTANCE_GAP = 0.25;
/** Of an object at distance 1: the nearest one spans about 30 to 60 % of the frame. */
const DIAMETER_AT_ONE = 0.55;
const SIZE_SPREAD = 0.08;
const LARGEST_TURN = 0.26;
/** Less would make the number of objects a guess. */
const LEAST_VISIBLE = 0.6;
const PROBES_PER_SIDE = 12;
const TRIES = 1000;

const COLORS: readonly Color[] = [
  [220, 40, 40],
  [240, 140, 20],
  [245, 220, 50],
  [50, 170, 60],
  [40, 200, 210],
  [45, 80, 220],
  [150, 60, 200],
  [240, 110, 180],
];

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

/** A test whether a point of the frame lies on an object. */
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
  const margin = boundingRadius(shape) * diameter; // Objects stay whole.
  return {
    shape,
    diameter,
    distance,
    turn: random.uniform(-LARGEST_TURN, LARGEST_TURN),
    x: random.uniform(margin, 1 - margin),
    y: random.uniform(margin, 1 - margin),
  };
}

/** Places objects near to far until each is visible enough. */
function placeObjects(random: RandomStream): Place[] {
  const count = 1 + random.integer(MAX_OBJECTS);
  const nearest = random.uniform(...NEAREST_DISTANCE);
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
  throw new Error(`no room for ${count} objects`);
}

function jitter(random: RandomStream, color: Color, reach: number): Color {
  const [red, green, blue] = color;
  const shift = () => random.uniform(-reach, reach);
  return [red + shift(), green + shift(), blue + shift()];
}

/** Any colour, as red, green and blue drawn alike: a wall must not be told from an object by its hue. */
function drawBackground(random: RandomStream): Background {
  const base: Color = [0, 1, 2].map(() => random.uniform(30, 225)) as unknown as Color;
  const light = (base[0] + base[1] + base[2]) / 3;
  const contrast = random.uniform(10, 25) * (light > 130 ? -1 : 1);
  const other: Color = [base[0] + contrast, base[1] + contrast, base[2] + contrast];
  return {
    pattern: PATTERNS[random.integer(PATTERNS.length)]!,
    tones: [base, jitter(random, other, 8)],
    period: random.uniform(0.12, 0.4),
    angle: random.uniform(0, Math.PI),
    noiseSeed: random.uint32(),
  };
}

/** Scene number `index` of a seed: one to four objects of different colours before a textured wall. */
export function drawScene(
  { seed, index }: { readonly seed: number; readonly index: number },
): Scene {
  const random = new RandomStream({ seed, purpose: "scene", sample: index });
  const background = drawBackground(random);
  const colors = random.permutation(COLORS.length);
  const objects = placeObjects(random).map((place, i) => ({
    ...place,
    color: jitter(random, COLORS[colors[i]!]!, 12),
  }));
  return { objects, background };
}

/** What is known about a scene. */
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
