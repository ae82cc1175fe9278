import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { readIdx } from "../../lib/formats/idx.ts";
import { withFolder } from "../folder.ts";
import { idxFile } from "./idx_files.ts";

const SIX = Uint8Array.of(0, 1, 127, 128, 254, 255);

Deno.test("readIdx() gives the shape and the bytes, compressed or not", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    // The head of Fashion-MNIST's test labels: magic 0x00000801, then 10,000.
    assert.deepEqual([...idxFile([10_000], new Uint8Array(0))], [0, 0, 8, 1, 0, 0, 0x27, 0x10]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
        async (shape, compressed, stream) => {
          const count = shape.reduce((product, length) => product * length, 1);
          const values = Uint8Array.from([...stream.take(count)]);
          const bytes = idxFile(shape, values);
          await Deno.writeFile(path, compressed ? gzipSync(bytes) : bytes);
          const read = await readIdx(path, { axes: shape.length });
          assert.deepEqual(read.shape, shape);
          assert.deepEqual([...read.data], [...values]);
        },
      ),
      { numRuns: 40 },
    );
  });
});

/** The message that reading these bytes as images ends with. */
async function refusal(bytes: Uint8Array, { axes = 3, mostBytes = 1000 } = {}): Promise<string> {
  let message = "";
  await withFolder(async (folder) => {
    const path = join(folder, "file");
    await Deno.writeFile(path, bytes);
    await assert.rejects(readIdx(path, { axes, mostBytes }), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, "data");
      message = error.message.replace(folder, "F");
      return true;
    });
  });
  return message;
}

Deno.test("readIdx() refuses what is damaged, of another type or shape, or too large, and says how", async () => {
  const good = idxFile([1, 2, 3], SIX), packed = gzipSync(good);
  const cases: readonly (readonly [Uint8Array, string])[] = [
    [new Uint8Array(0), "it does not begin as an IDX file does, check that it is one"],
    [
      new TextEncoder().encode("<html></html>"),
      "it does not begin as an IDX file does, check that it is one",
    ],
    [good.subarray(0, 10), "it ends within its header, take another copy"],
    [good.subarray(0, -1), "wanted 1 x 2 x 3 = 6 values, got 5, take another copy"],
    [Uint8Array.of(...good, 0), "wanted 1 x 2 x 3 = 6 values, got 7, take another copy"],
    [
      idxFile([1, 2, 3], SIX, 13),
      "wanted unsigned bytes (type 8), got 32-bit floats, convert it",
    ],
    [
      idxFile([1, 2, 3], SIX, 7),
      "wanted unsigned bytes (type 8), got values of the unknown type 7, convert it",
    ],
    [
      idxFile([6], SIX),
      "wanted 3 axes, got 1: images have 3 (count, rows, columns) and labels 1, check that the two " +
      "files are not exchanged",
    ],
    // Sizes whose product is beyond all memory are only compared.
    [
      idxFile([0xffffffff, 0xffffffff, 0xffffffff], SIX),
      `wanted 4294967295 x 4294967295 x 4294967295 = ${
        0xffffffff ** 3
      } values, got 6, take another copy`,
    ],
    [
      packed.subarray(0, -9),
      "its gzip stream is damaged (unexpected end of file), take another copy",
    ],
    [idxFile([11, 10, 10], new Uint8Array(1100)), "it has more than 1000 bytes, split it"],
    [
      gzipSync(idxFile([11, 10, 10], new Uint8Array(1100))),
      "it has more than 1000 bytes, split it",
    ],
  ];
  for (const [bytes, why] of cases) {
    assert.equal(await refusal(bytes), `Cannot read "F/file": ${why}`);
  }
  const changed = Uint8Array.from(packed);
  changed[packed.length - 6]! ^= 1;
  assert.match(await refusal(changed), /its gzip stream is damaged \(.+\), take another copy$/);
  assert.match(await refusal(good, { axes: 1 }), /wanted 1 axis, got 3: images have 3 /);
});

Deno.test("readIdx() says that there is no file", async () => {
  await assert.rejects(readIdx("nowhere/t10k-images-idx3-ubyte", { axes: 3 }), {
    name: "Failure",
    kind: "missing",
    message: 'Cannot read "nowhere/t10k-images-idx3-ubyte": it does not exist, check the path',
  });
});
