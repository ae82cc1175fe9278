/** Held-out splits of training rows, stratified by group. */
import { RandomStream } from "../random/mod.ts";

/** Positions to fit on, and positions held out to choose a strength by; both ascending. */
export interface Split {
  readonly fit: Uint32Array<ArrayBuffer>;
  readonly heldOut: Uint32Array<ArrayBuffer>;
}

/** Share of the training rows that is held out. */
export const HELD_OUT_FRACTION = 0.2;

/**
 * Holds out a fifth of every group. A group of one stays in the fitting part; a larger one gives at least one
 * member to each part.
 *
 * @param groups group of every position, for example its class; all 0 for a plain split
 */
export function holdOut(groups: Int32Array, { seed }: { readonly seed: number }): Split {
  const members = new Map<number, number[]>();
  groups.forEach((group, position) => {
    const list = members.get(group);
    if (list) list.push(position);
    else members.set(group, [position]);
  });
  const fit: number[] = [], heldOut: number[] = [];
  for (const [group, positions] of members) {
    const order = new RandomStream({ seed, purpose: "probe split", sample: group })
      .permutation(positions.length);
    const count = positions.length < 2
      ? 0
      : Math.max(1, Math.round(HELD_OUT_FRACTION * positions.length));
    order.forEach((member, rank) => (rank < count ? heldOut : fit).push(positions[member]!));
  }
  return { fit: Uint32Array.from(fit).sort(), heldOut: Uint32Array.from(heldOut).sort() };
}
