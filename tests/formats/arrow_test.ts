import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Failure } from "../../lib/failure.ts";
import { type FeatureSchema, FeatureWriter, readFeatures } from "../../lib/formats/arrow.ts";

const FIXTURE = new URL("../fixtures/probe/pyarrow.arrow", import.meta.url).pathname;

interface Rows {
  readonly keys: string[];
  readonly embeddings: Float32Array;
  readonly labels: Record<string, (string | number | null)[]>;
}

/** Runs `use` with the path of a file in a directory of its own. */
async function withPath(use: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(join(directory, "features.arrow"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function write(path: string, schema: FeatureSchema, batches: readonly Rows[]) {
  await using writer = await FeatureWriter.open(path, schema);
  for (const batch of batches) {
    await writer.append({ ...batch, paths: batch.keys.map((key) => `${key}.jpg`) });
  }
  await writer.close();
}

function rowsFrom(first: number, count: number, width: number): Rows {
  const index = Array.from({ length: count }, (_, row) => first + row);
  return {
    keys: index.map((row) => `key-${row}`),
    embeddings: Float32Array.from({ length: count * width }, (_, i) => first * width + i),
    labels: {
      shape: index.map((row) => row % 3 === 0 ? null : `förm ${row % 3}`),
      distance: index.map((row) => row % 5 === 0 ? null : row / 2),
    },
  };
}

const SCHEMA: FeatureSchema = {
  width: 3,
  labels: [{ name: "shape", type: "class" }, { name: "distance", type: "number" }],
  metadata: { "ijepa.layers": "last", "ijepa.preprocessing": '{"size":[32,32]}' },
};

Deno.test("readFeatures() gives back what FeatureWriter wrote, over several record batches", async () => {
  await withPath(async (path) => {
    await write(path, SCHEMA, [
      rowsFrom(0, 1000, 3),
      rowsFrom(1000, 1, 3),
      rowsFrom(1001, 1499, 3),
    ]);
    const whole = rowsFrom(0, 2500, 3);
    const features = await readFeatures(path);
    assert.equal(features.rows, 2500);
    assert.equal(features.width, 3);
    assert.deepEqual(features.keys, whole.keys);
    assert.equal(features.paths[2499], "key-2499.jpg");
    assert.deepEqual(features.embeddings, whole.embeddings);
    assert.deepEqual(features.labels.get("shape"), {
      type: "class",
      values: whole.labels["shape"],
    });
    assert.deepEqual(features.labels.get("distance"), {
      type: "number",
      values: whole.labels["distance"],
    });
    assert.deepEqual(features.metadata, SCHEMA.metadata);
  });
});

Deno.test("FeatureWriter writes the same bytes however the rows are grouped", async () => {
  await withPath(async (path) => {
    await write(path, SCHEMA, [rowsFrom(0, 1100, 3)]);
    const whole = await Deno.readFile(path);
    await write(path, SCHEMA, [rowsFrom(0, 7, 3), rowsFrom(7, 1093, 3)]);
    assert.deepEqual(await Deno.readFile(path), whole);
  });
});

Deno.test("FeatureWriter round-trips any strings, numbers and floats", async () => {
  const row = fc.record({
    key: fc.string({ unit: "grapheme" }),
    shape: fc.option(fc.string()),
    distance: fc.option(fc.double({ noNaN: true })),
    embedding: fc.array(fc.float(), { minLength: 2, maxLength: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 20 }), (rows) =>
      withPath(async (path) => {
        const embeddings = Float32Array.from(rows.flatMap((r) => r.embedding));
        await write(path, { ...SCHEMA, width: 2 }, [{
          keys: rows.map((r) => r.key),
          embeddings,
          labels: { shape: rows.map((r) => r.shape), distance: rows.map((r) => r.distance) },
        }]);
        const features = await readFeatures(path);
        assert.deepEqual(features.keys, rows.map((r) => r.key));
        assert.deepEqual(features.embeddings, embeddings);
        assert.deepEqual(features.labels.get("shape")!.values, rows.map((r) => r.shape));
        assert.deepEqual(features.labels.get("distance")!.values, rows.map((r) => r.distance));
      })),
    { numRuns: 30 },
  );
});

Deno.test("readFeatures() reads a file that pyarrow wrote", async () => {
  const features = await readFeatures(FIXTURE);
  assert.equal(features.rows, 10);
  assert.equal(features.width, 5);
  assert.deepEqual(features.embeddings, Float32Array.from({ length: 50 }, (_, i) => i));
  assert.deepEqual(features.labels.get("count")!.values, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
  assert.deepEqual(features.labels.get("kind")!.values.slice(0, 3), ["a", null, "a"]);
  assert.deepEqual(features.paths, features.keys, "the key stands in for a missing path column");
  assert.deepEqual(features.metadata, { "ijepa.encoder": "target" });
});

Deno.test("readFeatures() says what is wrong with a file", async () => {
  await withPath(async (path) => {
    const message = (kind: string, text: string) => (error: unknown) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, kind);
      assert.equal(error.message, `Cannot read features: "${path}" ${text}`);
      return true;
    };
    await assert.rejects(
      readFeatures(path),
      message("missing", 'does not exist, make it with "deno task features"'),
    );
    await Deno.writeTextFile(path, "key,embedding\n");
    await assert.rejects(
      readFeatures(path),
      message(
        "data",
        'is not an Arrow IPC file, give a file that "deno task features" wrote',
      ),
    );
    const bytes = await Deno.readFile(FIXTURE);
    await Deno.writeFile(path, bytes.subarray(0, 700));
    await assert.rejects(
      readFeatures(path),
      message("data", "is cut short (700 bytes, no Arrow footer), make it again"),
    );
    const hole = bytes.slice();
    hole.fill(0xff, hole.length - 40, hole.length - 6);
    await Deno.writeFile(path, hole);
    await assert.rejects(readFeatures(path), /is damaged \(.*\), make it again$/);
  });
});

Deno.test("FeatureWriter refuses a label that is named like one of its columns", async () => {
  await withPath(async (path) => {
    await assert.rejects(
      FeatureWriter.open(path, { ...SCHEMA, labels: [{ name: "key", type: "class" }] }),
      new Failure(
        "data",
        `Cannot write features to "${path}": label "key" has the name of another column ` +
          "(key, path, embedding are taken), rename the label",
      ),
    );
  });
});

Deno.test("FeatureWriter refuses batches that do not fit its schema", async () => {
  await withPath(async (path) => {
    await using writer = await FeatureWriter.open(path, SCHEMA);
    const rows = { ...rowsFrom(0, 2, 3), paths: ["a", "b"] };
    await assert.rejects(
      writer.append({ ...rows, embeddings: new Float32Array(5) }),
      new RangeError(
        "Cannot append features: 2 keys need 2 paths and 6 embedding values, got 2 and 5",
      ),
    );
    await assert.rejects(
      writer.append({ ...rows, labels: { shape: ["a", "b"] } }),
      new RangeError('Cannot append features: label "distance" needs 2 values, got 0'),
    );
    await assert.rejects(
      writer.append({ ...rows, labels: { shape: ["a", 3], distance: [1, 2] } }),
      new TypeError('Cannot append features: label "shape" holds values of type string, got 3'),
    );
  });
});
