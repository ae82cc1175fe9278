/** Buffers, and their places in one arena: those that are alive at the same time do not overlap. */

import { sizeOf } from "../../../tensor.ts";
import { contiguous, type Layout } from "./layout.ts";

/** Memory of one or more tensors. */
export interface Buffer {
  readonly bytes: number;
  /** The name of memory outside of the arena: an input, a constant. */
  readonly external?: string;
}

/** Where a tensor lies: in a buffer, four bytes an element. */
export interface Place {
  readonly buffer: Buffer;
  readonly layout: Layout;
}

/** An address in a buffer. */
export interface Address {
  readonly buffer: Buffer;
  /** In elements. */
  readonly offset: number;
}

const ELEMENT = 4, ALIGNMENT = 64;

/** A buffer for a tensor of its own. */
export function newPlace(shape: readonly number[], external?: string): Place {
  const bytes = ELEMENT * sizeOf(shape);
  return {
    buffer: { bytes, ...external === undefined ? {} : { external } },
    layout: contiguous(shape),
  };
}

export function addressOf({ buffer, layout }: Place): Address {
  return { buffer, offset: layout.offset };
}

/** The first and the last call that use a buffer. */
export interface Lifetime {
  first: number;
  last: number;
}

/** Where the buffers of the arena begin, in bytes, and how large it is. */
export interface Arena {
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly bytes: number;
}

/** Puts buffers that are in use at the same time side by side: the largest first, each into the narrowest gap. */
export function arrange(lifetimes: ReadonlyMap<Buffer, Lifetime>): Arena {
  const buffers = [...lifetimes].filter(([{ external }]) => external === undefined)
    .sort(([a], [b]) => b.bytes - a.bytes);
  const offsets = new Map<Buffer, number>();
  const placed: { begin: number; end: number; lifetime: Lifetime }[] = [];
  let total = 0;
  for (const [buffer, lifetime] of buffers) {
    const size = Math.ceil(Math.max(1, buffer.bytes) / ALIGNMENT) * ALIGNMENT;
    let end = 0, best = Infinity, bestGap = Infinity;
    for (const other of placed) {
      const apart = other.lifetime.last < lifetime.first || other.lifetime.first > lifetime.last;
      if (apart) continue;
      const gap = other.begin - end;
      if (gap >= size && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, other.end);
    }
    const begin = best === Infinity ? end : best;
    offsets.set(buffer, begin);
    const entry = { begin, end: begin + size, lifetime };
    const after = placed.findIndex((other) => other.begin > begin);
    placed.splice(after < 0 ? placed.length : after, 0, entry);
    total = Math.max(total, begin + size);
  }
  return { offsets, bytes: total };
}
