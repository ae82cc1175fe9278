/** Flat shapes as outlines around the origin, all of the area of a disc of diameter 1. */
import { type Point, squaredDistanceToEdge } from "./edges.ts";

/** Shapes of objects. */
export const SHAPES = ["circle", "cross", "hexagon", "square", "star", "triangle"] as const;

/** Name of a shape. */
export type Shape = (typeof SHAPES)[number];

/** An outline prepared for distance queries. */
interface Outline {
  readonly points: readonly Point[];
  /** Radius of the smallest circle around the origin that holds the shape. */
  readonly radius: number;
}

const DISC_RADIUS = 0.5;
const DISC_AREA = Math.PI * DISC_RADIUS ** 2;

/** Points at equal angles from straight up, at radii that repeat. */
function ring(count: number, radii: readonly number[]): Point[] {
  return Array.from({ length: count }, (_, i) => {
    const angle = 2 * Math.PI * i / count, radius = radii[i % radii.length]!;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
}

function crossPoints(): Point[] {
  const arm = 0.4;
  const corner: Point[] = [[arm, -1], [arm, -arm], [1, -arm]];
  return [0, 1, 2, 3].flatMap((turns) =>
    corner.map(([x, y]): Point =>
      turns === 0 ? [x, y] : turns === 1 ? [-y, x] : turns === 2 ? [-x, -y] : [y, -x]
    )
  );
}

function areaOf(points: readonly Point[]): number {
  let twice = 0;
  points.forEach(([x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length]!;
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}

function outline(points: readonly Point[]): Outline {
  const scale = Math.sqrt(DISC_AREA / areaOf(points));
  const scaled = points.map(([x, y]): Point => [x * scale, y * scale]);
  return { points: scaled, radius: Math.max(...scaled.map(([x, y]) => Math.hypot(x, y))) };
}

const SQUARE: readonly Point[] = [[-1, -1], [1, -1], [1, 1], [-1, 1]];

const OUTLINES: Readonly<Record<Exclude<Shape, "circle">, Outline>> = {
  cross: outline(crossPoints()),
  hexagon: outline(ring(6, [1])),
  square: outline(SQUARE),
  star: outline(ring(10, [1, 0.5])),
  triangle: outline(ring(3, [1])),
};

/** Radius of the circle around the origin that holds the shape. */
export function boundingRadius(shape: Shape): number {
  return shape === "circle" ? DISC_RADIUS : OUTLINES[shape].radius;
}

/** Whether a point is inside a shape: a ray to the right leaves it once more often than it enters it. */
export function contains(shape: Shape, [x, y]: Point): boolean {
  if (shape === "circle") return x * x + y * y < DISC_RADIUS ** 2;
  const { points, radius } = OUTLINES[shape];
  if (x * x + y * y > radius * radius) return false;
  let inside = false;
  let previous = points.at(-1)!;
  for (const corner of points) {
    if ((corner[1] > y) !== (previous[1] > y)) {
      const share = (y - corner[1]) / (previous[1] - corner[1]);
      if (x < corner[0] + share * (previous[0] - corner[0])) inside = !inside;
    }
    previous = corner;
  }
  return inside;
}

/** Distance of a point to the outline of a shape: negative inside, positive outside. */
export function signedDistance(shape: Shape, point: Point): number {
  if (shape === "circle") return Math.hypot(...point) - DISC_RADIUS;
  const { points } = OUTLINES[shape];
  let nearest = Infinity;
  let previous = points.at(-1)!;
  for (const corner of points) {
    nearest = Math.min(nearest, squaredDistanceToEdge(point, [previous, corner]));
    previous = corner;
  }
  return contains(shape, point) ? -Math.sqrt(nearest) : Math.sqrt(nearest);
}
