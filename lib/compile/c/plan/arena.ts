/** Pieces of memory, from when to when each is in use, and where in one arena they lie. */

import { sizeOf } from "../../../tensor.ts";
import { contiguous, type Layout } from "./layout.ts";

/** A piece of memory. */
export interface Block {
  readonly bytes: number;
  /** Memory of somebody else: what it is called. Blocks without it lie in the arena. */
  readonly fixed?: string;
}

/** Where a tensor lies: in a block, four bytes an element. */
export interface Place {
  readonly block: Block;
  readonly layout: Layout;
}

/** An address in a block. */
export interface Address {
  readonly block: Block;
  /** In elements. */
  readonly offset: number;
}

const ELEMENT = 4, ALIGNMENT = 64;

/** A block for a tensor of its own. */
export function newPlace(shape: readonly number[], fixed?: string): Place {
  const bytes = ELEMENT * sizeOf(shape);
  return { block: { bytes, ...fixed === undefined ? {} : { fixed } }, layout: contiguous(shape) };
}

export function addressOf({ block, layout }: Place): Address {
  return { block, offset: layout.offset };
}

/** When a block is first and last in use, as numbers of calls. */
export interface Lifetime {
  first: number;
  last: number;
}

/** Where the blocks of the arena begin, in bytes, and how large it is. */
export interface Arena {
  readonly offsets: ReadonlyMap<Block, number>;
  readonly bytes: number;
}

/** Puts blocks that are in use at the same time side by side: the largest first, each into the narrowest gap. */
export function arrange(lifetimes: ReadonlyMap<Block, Lifetime>): Arena {
  const blocks = [...lifetimes].filter(([{ fixed }]) => fixed === undefined)
    .sort(([a], [b]) => b.bytes - a.bytes);
  const offsets = new Map<Block, number>();
  const placed: { begin: number; end: number; lifetime: Lifetime }[] = [];
  let total = 0;
  for (const [block, lifetime] of blocks) {
    const size = Math.ceil(Math.max(1, block.bytes) / ALIGNMENT) * ALIGNMENT;
    let end = 0, best = Infinity, bestGap = Infinity;
    for (const other of placed) {
      const apart = other.lifetime.last < lifetime.first || other.lifetime.first > lifetime.last;
      if (apart) continue;
      const gap = other.begin - end;
      if (gap >= size && gap < bestGap) [best, bestGap] = [end, gap];
      end = Math.max(end, other.end);
    }
    const begin = best === Infinity ? end : best;
    offsets.set(block, begin);
    const entry = { begin, end: begin + size, lifetime };
    const after = placed.findIndex((other) => other.begin > begin);
    placed.splice(after < 0 ? placed.length : after, 0, entry);
    total = Math.max(total, begin + size);
  }
  return { offsets, bytes: total };
}
