/** Geometry of line segments. */

/** A place in the plane; y grows downwards. */
export type Point = readonly [x: number, y: number];

/** Squared distance of a point to the straight line between two others, which are not the same. */
export function squaredDistanceToEdge(
  [x, y]: Point,
  [[ax, ay], [bx, by]]: readonly [Point, Point],
): number {
  const edgeX = bx - ax, edgeY = by - ay, wayX = x - ax, wayY = y - ay;
  const along = (wayX * edgeX + wayY * edgeY) / (edgeX * edgeX + edgeY * edgeY);
  const clamped = Math.min(1, Math.max(0, along));
  return (wayX - clamped * edgeX) ** 2 + (wayY - clamped * edgeY) ** 2;
}
