import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { sha256 } from "../../lib/files/mod.ts";
import {
  encodeSafetensors,
  readSafetensors,
  writeSafetensors,
} from "../../lib/formats/safetensors.ts";
import { floatTensor, type HostTensor, sizeOf, type TensorRecord } from "../../lib/tensor.ts";

const REFERENCE = new URL("../fixtures/safetensors/python.safetensors", import.meta.url).pathname;

function referenceTensors(): TensorRecord {
  const weight = Float32Array.from([0, 1, 2, 3, 4, 5], (value) => value / 7);
  return {
    "b.weight": floatTensor([2, 3], weight),
    a: floatTensor([], Float32Array.of(2.5)),
    z64: { dtype: "float64", shape: [2], data: Float64Array.of(1.5, -2.25) },
    i: { dtype: "int32", shape: [3], data: Int32Array.of(1, -2, 3) },
    big: { dtype: "int64", shape: [2], data: BigInt64Array.of(2n ** 40n, -5n) },
    bytes: { dtype: "uint8", shape: [5], data: Uint8Array.of(0, 1, 2, 3, 4) },
    empty: floatTensor([0, 4]),
  };
}

async function withFile<R>(bytes: Uint8Array, use: (path: string) => Promise<R>): Promise<R> {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "x.safetensors");
    await Deno.writeFile(path, bytes);
    return await use(path);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A file with a header of one's own making. */
function fileOf(header: unknown, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(
    typeof header === "string" ? header : JSON.stringify(header),
  );
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

async function refusal(bytes: Uint8Array): Promise<string> {
  return await withFile(bytes, async (path) => {
    const error = await readSafetensors(path).then(() => undefined, (thrown: unknown) => thrown);
    assert.ok(error instanceof Failure, `wanted a Failure, got ${error}`);
    assert.equal(error.kind, "data");
    assert.ok(error.message.startsWith(`Cannot read "${path}": `), error.message);
    return error.message.slice(`Cannot read "${path}": `.length);
  });
}

Deno.test("encodeSafetensors() writes the bytes that the Python library writes", async () => {
  const bytes = encodeSafetensors(referenceTensors(), { format: "pt" });
  assert.deepEqual(bytes, await Deno.readFile(REFERENCE));
});

Deno.test("readSafetensors() reads what the Python library wrote", async () => {
  const { tensors, metadata } = await readSafetensors(REFERENCE);
  assert.deepEqual(metadata, { format: "pt" });
  assert.deepEqual({ ...tensors }, referenceTensors());
});

Deno.test("readSafetensors() loads only the wanted tensors", async () => {
  const { tensors } = await readSafetensors(REFERENCE, { wanted: (name) => name === "i" });
  assert.deepEqual(tensors, { i: referenceTensors().i });
});

Deno.test("writeSafetensors() streams the encoded bytes and reports their hash", async () => {
  await withFile(new Uint8Array(1000), async (path) => {
    const written = await writeSafetensors(path, referenceTensors(), { format: "pt" });
    const bytes = encodeSafetensors(referenceTensors(), { format: "pt" });
    assert.deepEqual(await Deno.readFile(path), bytes);
    assert.deepEqual(written, { bytes: bytes.length, sha256: sha256(bytes) });
  });
});

const anyTensor: fc.Arbitrary<HostTensor> = fc.record({
  dtype: fc.constantFrom("float32", "float64", "int32", "int64", "uint8"),
  shape: fc.array(fc.nat(4), { maxLength: 4 }),
  fill: fc.nat(255),
}).map(({ dtype, shape, fill }) => {
  const count = sizeOf(shape);
  const data = {
    float32: () => new Float32Array(count),
    float64: () => new Float64Array(count),
    int32: () => new Int32Array(count),
    int64: () => new BigInt64Array(count),
    uint8: () => new Uint8Array(count),
  }[dtype]();
  new Uint8Array(data.buffer).forEach((_, i, bytes) => bytes[i] = (fill + 37 * i) & 0x7f);
  return { dtype, shape, data } as HostTensor;
});
const anyRecord = fc.dictionary(
  fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "12", "é\u{1f600}")),
  anyTensor,
  { maxKeys: 5, noNullPrototype: true },
).filter((record) => !("__metadata__" in record));
const anyMetadata = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true });

Deno.test("safetensors files give back the same tensors and metadata, whatever their names", async () => {
  await fc.assert(
    fc.asyncProperty(anyRecord, anyMetadata, async (record, metadata) => {
      const bytes = encodeSafetensors(record, metadata);
      const back = await withFile(bytes, (path) => readSafetensors(path));
      const names = (of: object) => Object.keys(of).sort();
      assert.deepEqual(names(back.tensors), names(record));
      for (const [name, tensor] of Object.entries(record)) {
        assert.deepEqual(Object.getOwnPropertyDescriptor(back.tensors, name)?.value, tensor);
      }
      assert.deepEqual(Object.entries(back.metadata).sort(), Object.entries(metadata).sort());
      const shuffled = Object.fromEntries(Object.entries(record).reverse());
      assert.deepEqual(encodeSafetensors(shuffled, metadata), bytes);
    }),
    { numRuns: 60 },
  );
});

Deno.test("readSafetensors() never returns from a file that is cut short or too long", async () => {
  const whole = encodeSafetensors(referenceTensors(), { format: "pt" });
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
      await refusal(whole.subarray(0, length));
    }),
    { numRuns: 60 },
  );
  const longer = new Uint8Array(whole.length + 3);
  longer.set(whole);
  assert.match(await refusal(longer), /^3 bytes follow after tensor "bytes", the file is damaged/);
});

Deno.test("readSafetensors() survives any single wrong header byte without an unnamed error", async () => {
  const whole = encodeSafetensors(referenceTensors(), { format: "pt" });
  const headerEnd = 8 + Number(new DataView(whole.buffer).getBigUint64(0, true));
  await fc.assert(
    fc.asyncProperty(fc.nat(headerEnd - 1), fc.nat(255), async (at, value) => {
      const changed = whole.slice();
      changed[at] = value;
      await withFile(changed, async (path) => {
        try {
          await readSafetensors(path); // Some changes, as in a name, cannot be noticed.
        } catch (error) {
          assert.ok(error instanceof Failure, String(error));
          assert.ok(error.message.includes(path));
        }
      });
    }),
    { numRuns: 100 },
  );
});

Deno.test("readSafetensors() names the tensor and what is wrong with it", async () => {
  const entry = (changes: object) => ({
    w: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...changes },
  });
  assert.equal(
    await refusal(fileOf(entry({}), 4)),
    'it is cut short: tensor "w" ends at byte 8 of the data, got 4 bytes, the file is damaged, ' +
      "take another copy or make it again",
  );
  assert.equal(
    await refusal(fileOf(entry({ dtype: "F8_E4M3" }), 8)),
    'tensor "w" has element type "F8_E4M3", wanted one of I64, F64, F32, I32, U8, F16, BF16, ' +
      "convert the file first",
  );
  assert.match(
    await refusal(fileOf(entry({ shape: [3] }), 8)),
    /^tensor "w" of shape \[3\] and type F32 needs 12 bytes, got 8,/,
  );
  assert.match(
    await refusal(fileOf(entry({ shape: [-1] }), 8)),
    /^tensor "w" has no valid shape, got \[-1\],/,
  );
  assert.match(
    await refusal(fileOf(entry({ data_offsets: [8] }), 8)),
    /^tensor "w" has no valid offsets, got \[8\],/,
  );
  assert.match(
    await refusal(fileOf(entry({ data_offsets: [4, 12] }), 12)),
    /^there is a gap between the header and tensor "w",/,
  );
  assert.match(
    await refusal(
      fileOf({ ...entry({}), x: { dtype: "U8", shape: [4], data_offsets: [4, 8] } }, 8),
    ),
    /^there is an overlap between tensor "w" and tensor "x",/,
  );
  assert.match(await refusal(fileOf({ w: null }, 0)), /^tensor "w" has element type undefined,/);
  assert.match(
    await refusal(fileOf({ __metadata__: { a: 1 } }, 0)),
    /^its "__metadata__" does not map text to text,/,
  );
  assert.match(
    await refusal(fileOf('{"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"w":{}}', 0)),
    /^its header has a name twice,/,
  );
  assert.match(
    await refusal(fileOf(entry({ shape: [2 ** 53 - 1, 2 ** 53 - 1, 8] }), 8)),
    /^tensor "w" of shape \[.*\] and type F32 needs 2\.\d+e\+33 bytes, got 8,/,
  );
  assert.match(
    await refusal(fileOf(entry({ shape: new Array(17).fill(1) }), 8)),
    /^tensor "w" has no valid shape, got \[1,1,.*\],/,
  );
  assert.match(await refusal(fileOf("{]", 0)), /^its header is not JSON,/);
  assert.match(await refusal(fileOf("[]", 0)), /^its header is not a JSON object,/);
  assert.match(await refusal(new Uint8Array(5)), /^it has 5 bytes, wanted at least 8,/);
  assert.match(
    await refusal(new Uint8Array(20).fill(255)),
    /^it announces a header of \d+ bytes in a file of 20,/,
  );
});

Deno.test("readSafetensors() widens F16 and BF16 to float32", async () => {
  const bytes = fileOf({
    h: { dtype: "F16", shape: [3], data_offsets: [0, 6] },
    b: { dtype: "BF16", shape: [3], data_offsets: [6, 12] },
  }, 12);
  // 1, -2 and the least positive half; 1, -2 and the largest finite bfloat16.
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x3f80, 0xc000, 0x7f7f);
  bytes.set(new Uint8Array(halves.buffer), bytes.length - 12);
  assert.deepEqual(await withFile(bytes, (path) => readSafetensors(path)), {
    tensors: {
      h: floatTensor([3], Float32Array.of(1, -2, 2 ** -24)),
      b: floatTensor([3], Float32Array.of(1, -2, 2 ** 128 - 2 ** 120)),
    },
    metadata: {},
  });
});

Deno.test("readSafetensors() answers a header that is nested 20,000 deep in one short sentence", async () => {
  const nest = "[".repeat(20_000) + "]".repeat(20_000);
  for (const field of ["dtype", "shape", "data_offsets"]) {
    const entry: Record<string, string> = { dtype: '"U8"', shape: "[0]", data_offsets: "[0,0]" };
    entry[field] = nest;
    const pairs = Object.entries(entry).map(([key, value]) => `"${key}":${value}`);
    const text = await refusal(fileOf(`{"a":{${pairs.join(",")}}}`, 0));
    assert.ok(text.length < 250, `${text.length} characters`);
  }
});

Deno.test("readSafetensors() reads 100,000 empty tensors", async () => {
  const entry = { dtype: "U8", shape: [0], data_offsets: [0, 0] };
  const header = Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`t${i}`, entry]));
  const { tensors } = await withFile(fileOf(header, 0), (path) => readSafetensors(path));
  assert.equal(Object.keys(tensors).length, 1e5);
});

Deno.test("readSafetensors() says that a file does not exist", async () => {
  await assert.rejects(readSafetensors("/nowhere/state.safetensors"), {
    kind: "missing",
    message: 'Cannot read "/nowhere/state.safetensors": it does not exist, check the path',
  });
});

Deno.test("encodeSafetensors() refuses data that do not fill the shape", () => {
  const tensor: HostTensor = { dtype: "float32", shape: [3], data: new Float32Array(2) };
  assert.throws(() => encodeSafetensors({ w: tensor }), {
    name: "RangeError",
    message: 'Cannot encode tensor "w": shape [3] and 2 values',
  });
});
