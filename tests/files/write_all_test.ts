import assert from "node:assert/strict";
import fc from "fast-check";
import { writeAll, writeAllSync } from "../../lib/files/mod.ts";

/** A file that takes so many bytes at once, in turns, as a pipe or a nearly full disk does. */
class SlowFile {
  readonly #portions: readonly number[];
  readonly taken: number[] = [];
  #writes = 0;

  constructor(portions: readonly number[]) {
    this.#portions = portions;
  }

  writeSync(bytes: Uint8Array): number {
    const portion = bytes.subarray(0, this.#portions[this.#writes++ % this.#portions.length]);
    this.taken.push(...portion);
    return portion.length;
  }

  write(bytes: Uint8Array): Promise<number> {
    return Promise.resolve(this.writeSync(bytes));
  }
}

Deno.test("writeAll() and writeAllSync() write every byte once, in whatever portions", () =>
  fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 100 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
      async (bytes, portions) => {
        const [one, other] = [new SlowFile(portions), new SlowFile(portions)];
        await writeAll(one, bytes);
        writeAllSync(other, bytes);
        assert.deepEqual([one.taken, other.taken], [[...bytes], [...bytes]]);
      },
    ),
  ));
