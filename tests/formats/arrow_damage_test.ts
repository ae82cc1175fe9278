/** Feature files that are cut, changed and put together wrongly: refused, or read as they were. */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { type Features, FeatureWriter, readFeatures } from "../../lib/formats/arrow.ts";
import { readLayout } from "../../lib/formats/arrow/layout.ts";
import { withFolder } from "../folder.ts";

const ROWS = 6, WIDTH = 3;
const PYARROW = new URL("../fixtures/probe/pyarrow.arrow", import.meta.url).pathname;
const DICTIONARY = new URL("../fixtures/arrow/dictionary.arrow", import.meta.url).pathname;

async function writeSmall(path: string): Promise<void> {
  await using writer = await FeatureWriter.open(path, {
    width: WIDTH,
    labels: [{ name: "shape", type: "class" }, { name: "distance", type: "number" }],
    metadata: { "ijepa.layers": "last", "ijepa.rows": String(ROWS) },
  });
  const keys = Array.from({ length: ROWS }, (_, row) => `key-${row}`);
  await writer.append({
    keys,
    paths: keys.map((key) => `${key}.jpg`),
    labels: {
      shape: keys.map((_, row) => row % 3 === 0 ? null : `kind ${row % 3}`),
      distance: keys.map((_, row) => row % 4 === 0 ? null : row / 2),
    },
    embeddings: Float32Array.from({ length: ROWS * WIDTH }, (_, i) => i + 1),
  });
  await writer.close();
}

/** A sound file, and what changed copies of it may be read as. */
class Victim {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #sound: Features;
  /** Where values lie: a changed one cannot be noticed but by the hash in a receipt. */
  readonly #bodies: readonly (readonly [start: number, end: number])[];
  readonly #path: string;

  private constructor(
    bytes: Uint8Array<ArrayBuffer>,
    sound: Features,
    { bodies, path }: { bodies: readonly (readonly [number, number])[]; path: string },
  ) {
    this.bytes = bytes;
    this.#sound = sound;
    this.#bodies = bodies;
    this.#path = path;
  }

  static async open(path: string): Promise<Victim> {
    using file = await Deno.open(path);
    const { batches, dictionaries } = await readLayout(file);
    const bodies = [...batches, ...dictionaries.map(({ batch }) => batch)]
      .map(({ start, bytes }) => [start, start + bytes] as const);
    const copy = `${path}.changed`;
    return new Victim(await Deno.readFile(path), await readFeatures(path), { bodies, path: copy });
  }

  isValue(at: number): boolean {
    return this.#bodies.some(([start, end]) => start <= at && at < end);
  }

  /** Fails unless changed bytes are refused with a sentence or read as the sound ones. */
  async expectSafe(changed: Uint8Array, what: string, values = false): Promise<void> {
    await Deno.writeFile(this.#path, changed);
    let read: Features;
    try {
      read = await readFeatures(this.#path);
    } catch (error) {
      assert.ok(error instanceof Failure, `${what}: ${error}`);
      assert.equal(error.kind, "data", what);
      assert.ok(error.message.startsWith(`Cannot read features: "${this.#path}" `), error.message);
      return;
    }
    if (values) {
      assert.equal(read.rows, this.#sound.rows, what);
      assert.equal(read.embeddings.length, this.#sound.embeddings.length, what);
    } else assert.deepEqual(read, this.#sound, what);
  }
}

async function withVictims(body: (victim: Victim) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const own = join(folder, "own.arrow");
    await writeSmall(own);
    for (const source of [PYARROW, DICTIONARY]) {
      await Deno.copyFile(source, join(folder, source.split("/").at(-1)!));
    }
    for (const name of ["own.arrow", "pyarrow.arrow", "dictionary.arrow"]) {
      await body(await Victim.open(join(folder, name)));
    }
  });
}

Deno.test("readFeatures() refuses a file with a wrong bit or reads it as it was: one bit of every byte", async () => {
  await withVictims(async (victim) => {
    const bits = fc.sample(fc.nat(7), { numRuns: victim.bytes.length, seed: 13 });
    for (let at = 0; at < victim.bytes.length; at++) {
      const changed = victim.bytes.slice();
      changed[at]! ^= 1 << bits[at]!;
      await victim.expectSafe(changed, `bit ${bits[at]} of byte ${at}`, victim.isValue(at));
    }
  });
});

Deno.test("readFeatures() refuses a file that ends anywhere before its end", async () => {
  await withVictims(async (victim) => {
    for (let length = 0; length < victim.bytes.length; length += 3) {
      await victim.expectSafe(victim.bytes.subarray(0, length), `${length} bytes`);
    }
  });
});

Deno.test("readFeatures() survives bytes that are overwritten, doubled, moved and left out", async () => {
  await withVictims(async (victim) => {
    const { bytes } = victim;
    const place = fc.nat(bytes.length - 1);
    const change = fc.oneof(
      // Numbers that are sizes somewhere, in place of 4 or 8 bytes.
      fc.tuple(
        place,
        fc.constantFrom([0xff, 0xff, 0xff, 0x7f], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0], [
          ...[0xff, 0xff, 0xff, 0xff],
          ...[0xff, 0xff, 0xff, 0x7f],
        ]),
      ).map((
        [at, number],
      ) => [bytes.subarray(0, at), Uint8Array.from(number), bytes.subarray(at + number.length)]),
      fc.tuple(place, place, place).map(([from, to, at]) => [
        bytes.subarray(0, at),
        bytes.subarray(Math.min(from, to), Math.max(from, to)),
        bytes.subarray(at),
      ]),
      fc.tuple(place, place).map(([from, to]) => [
        bytes.subarray(0, Math.min(from, to)),
        bytes.subarray(Math.max(from, to)),
      ]),
    );
    await fc.assert(
      fc.asyncProperty(change, async (parts) => {
        await victim.expectSafe(await new Blob(parts).bytes(), "changed", true);
      }),
      { numRuns: 300, seed: 13 },
    );
  });
});
