/** Capital letters as strokes of a pen, independent of installed fonts. */
import { type Point, squaredDistanceToEdge } from "./edges.ts";

/** Twenty capital letters; I, J, O, Q, V and W are left out, which are little or much like others. */
export const LETTERS = [
  ...["A", "B", "C", "D", "E", "F", "G", "H", "K", "L"],
  ...["M", "N", "P", "R", "S", "T", "U", "X", "Y", "Z"],
] as const;

/** Name of a letter. */
export type Letter = (typeof LETTERS)[number];

/** A line through points. */
type Stroke = readonly Point[];

const POINTS_PER_TURN = 24;

/** Part of an ellipse, degrees clockwise from the right, since y grows downwards. */
function arc(
  [x, y]: Point,
  [width, height]: readonly [number, number],
  [from, to]: readonly [number, number],
): Point[] {
  const count = Math.ceil(POINTS_PER_TURN * Math.abs(to - from) / 360);
  return Array.from({ length: count + 1 }, (_, i): Point => {
    const angle = (from + (to - from) * i / count) * Math.PI / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle)];
  });
}

const STEM: Stroke = [[0, 0], [0, 1]];
const BOWL: Stroke = [[0, 0], ...arc([0.36, 0.27], [0.28, 0.27], [-90, 90]), [0, 0.54]];

/** Drawn from the top (0) to the base line (1). */
const STROKES: Readonly<Record<Letter, readonly Stroke[]>> = {
  A: [[[0, 1], [0.36, 0], [0.72, 1]], [[0.13, 0.66], [0.59, 0.66]]],
  B: [
    STEM,
    [[0, 0], ...arc([0.36, 0.24], [0.24, 0.24], [-90, 90]), [0, 0.48]],
    [[0, 0.48], ...arc([0.38, 0.74], [0.28, 0.26], [-90, 90]), [0, 1]],
  ],
  C: [arc([0.38, 0.5], [0.38, 0.5], [-45, -315])],
  D: [STEM, [[0, 0], ...arc([0.28, 0.5], [0.4, 0.5], [-90, 90]), [0, 1]]],
  E: [[[0.6, 0], [0, 0], [0, 1], [0.6, 1]], [[0, 0.48], [0.5, 0.48]]],
  F: [[[0.6, 0], [0, 0], [0, 1]], [[0, 0.48], [0.5, 0.48]]],
  G: [[...arc([0.38, 0.5], [0.38, 0.5], [-45, -320]), [0.67, 0.54], [0.4, 0.54]]],
  H: [STEM, [[0.66, 0], [0.66, 1]], [[0, 0.48], [0.66, 0.48]]],
  K: [STEM, [[0.62, 0], [0, 0.6]], [[0.2, 0.4], [0.66, 1]]],
  L: [[[0, 0], [0, 1], [0.58, 1]]],
  M: [[[0, 1], [0, 0], [0.41, 0.64], [0.82, 0], [0.82, 1]]],
  N: [[[0, 1], [0, 0], [0.68, 1], [0.68, 0]]],
  P: [STEM, BOWL],
  R: [STEM, BOWL, [[0.3, 0.54], [0.64, 1]]],
  S: [[
    ...arc([0.32, 0.25], [0.3, 0.25], [-30, -270]),
    ...arc([0.32, 0.75], [0.32, 0.25], [-90, 150]).slice(1), // Its first point is the last of the other arc.
  ]],
  T: [[[0, 0], [0.7, 0]], [[0.35, 0], [0.35, 1]]],
  U: [[[0, 0], ...arc([0.33, 0.66], [0.33, 0.34], [180, 0]), [0.66, 0]]],
  X: [[[0, 0], [0.68, 1]], [[0.68, 0], [0, 1]]],
  Y: [[[0, 0], [0.35, 0.5], [0.7, 0]], [[0.35, 0.5], [0.35, 1]]],
  Z: [[[0.02, 0], [0.64, 0], [0, 1], [0.66, 1]]],
};

/** Strokes around the middle of the letter. */
function centered(strokes: readonly Stroke[]): readonly Stroke[] {
  const columns = strokes.flat().map(([x]) => x);
  const middle = (Math.min(...columns) + Math.max(...columns)) / 2;
  return strokes.map((stroke) => stroke.map(([x, y]): Point => [x - middle, y - 0.5]));
}

const GLYPHS = Object.fromEntries(
  Object.entries(STROKES).map(([letter, strokes]) => [letter, centered(strokes)]),
) as Readonly<Record<Letter, readonly Stroke[]>>;

/** The strokes of a letter of height 1 around the origin. */
export function strokesOf(letter: Letter): readonly Stroke[] {
  return GLYPHS[letter];
}

/** Distance of a point to the nearest stroke of a letter. */
export function distanceToLetter(letter: Letter, point: Point): number {
  let nearest = Infinity;
  for (const stroke of GLYPHS[letter]) {
    for (let i = 1; i < stroke.length; i++) {
      nearest = Math.min(nearest, squaredDistanceToEdge(point, [stroke[i - 1]!, stroke[i]!]));
    }
  }
  return Math.sqrt(nearest);
}
