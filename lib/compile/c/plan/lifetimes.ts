/** From when to when the blocks of a list of calls are in use, and which may lie where others did. */

import type { Call } from "./calls.ts";
import type { Block, Lifetime } from "./arena.ts";

/** When blocks are first and last in use. */
export function lifetimesOf(calls: readonly Call[]): Map<Block, Lifetime> {
  const lifetimes = new Map<Block, Lifetime>();
  calls.forEach(({ reads, writes }, index) => {
    for (const block of [...reads, ...writes]) {
      const lifetime = lifetimes.get(block);
      if (lifetime) lifetime.last = index;
      else lifetimes.set(block, { first: index, last: index });
    }
  });
  return lifetimes;
}

/** Has results take the memory of operands that nobody needs any more; @returns the first owner of what was taken */
export function takeOver(
  calls: readonly Call[],
  lifetimes: Map<Block, Lifetime>,
): ReadonlyMap<Block, Block> {
  const owners = new Map<Block, Block>();
  for (const [index, { takeovers }] of calls.entries()) {
    for (const [result, operands] of takeovers) {
      const own = lifetimes.get(result)!;
      if (own.first !== index) continue;
      const owner = operands.map((each) => owners.get(each) ?? each)
        .find((each) => lifetimes.get(each)!.last === index);
      if (owner === undefined) continue;
      lifetimes.get(owner)!.last = own.last;
      lifetimes.delete(result);
      owners.set(result, owner);
    }
  }
  return owners;
}
