/** Difference of two arrays in the L2 norm, relative to the second; 0 when both are zero. */
export function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  if (got.length !== wanted.length) return Infinity;
  let difference = 0, norm = 0;
  for (let i = 0; i < wanted.length; i++) {
    difference += (got[i]! - wanted[i]!) ** 2;
    norm += wanted[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / norm);
}
