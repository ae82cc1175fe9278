/** Smooth value noise. */

/** A value in [0, 1] at each corner of a grid, the same on every machine. */
export function latticeValue(x: number, y: number, seed: number): number {
  let hash = Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca77) ^ seed;
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 0xffffffff;
}

/** Smooth noise in [0, 1]: values at the corners of a grid of side 1, with smooth interpolation. */
export function smoothNoise(x: number, y: number, seed: number): number {
  const column = Math.floor(x), row = Math.floor(y);
  const ease = (t: number) => t * t * (3 - 2 * t);
  const right = ease(x - column), down = ease(y - row);
  const top = latticeValue(column, row, seed) * (1 - right) +
    latticeValue(column + 1, row, seed) * right;
  const bottom = latticeValue(column, row + 1, seed) * (1 - right) +
    latticeValue(column + 1, row + 1, seed) * right;
  return top * (1 - down) + bottom * down;
}
