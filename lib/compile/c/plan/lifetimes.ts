/** The lifetimes of the buffers of a list of calls, and which can share memory. */

import type { Call } from "./calls.ts";
import type { Buffer, Lifetime } from "./arena.ts";

/** The first and the last call of each buffer. */
export function lifetimesOf(calls: readonly Call[]): Map<Buffer, Lifetime> {
  const lifetimes = new Map<Buffer, Lifetime>();
  calls.forEach(({ reads, writes }, index) => {
    for (const buffer of [...reads, ...writes]) {
      const lifetime = lifetimes.get(buffer);
      if (lifetime) lifetime.last = index;
      else lifetimes.set(buffer, { first: index, last: index });
    }
  });
  return lifetimes;
}

/** Puts results where operands were that no later call reads. @returns for each such result the buffer whose memory it has */
export function shareBuffers(
  calls: readonly Call[],
  lifetimes: Map<Buffer, Lifetime>,
): ReadonlyMap<Buffer, Buffer> {
  const owners = new Map<Buffer, Buffer>();
  for (const [index, { inPlace }] of calls.entries()) {
    for (const [result, operands] of inPlace) {
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
