/**
 * Feature files of other programs: read right, or refused with what to do. Most files of tests/fixtures/arrow were
 * written with make.py beside them; the two of 77 rows by an older version of this tool, and one bit was changed then.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { readFeatures } from "../../lib/formats/arrow.ts";
import { withFolder } from "../folder.ts";

const FIXTURES = new URL("../fixtures/arrow/", import.meta.url).pathname;
const KEYS = ["k0", "k1", "k2", "k3"];
const EMBEDDINGS = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);

async function refusal(path: string): Promise<string> {
  const error = await readFeatures(path).then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof Failure, `${path}: wanted a Failure, got ${error}`);
  assert.equal(error.kind, "data");
  assert.ok(error.message.startsWith(`Cannot read features: "${path}" `), error.message);
  return error.message.slice(`Cannot read features: "${path}" `.length);
}

for (
  const name of ["float16", "float64", "list-of-double", "large", "dictionary", "sliced", "polars"]
) {
  Deno.test(`readFeatures() reads ${name}.arrow of another program`, async () => {
    const { keys, paths, embeddings, width, rows } = await readFeatures(
      join(FIXTURES, `${name}.arrow`),
    );
    assert.deepEqual({ keys, paths, embeddings, width, rows }, {
      keys: KEYS,
      paths: KEYS,
      embeddings: EMBEDDINGS,
      width: 2,
      rows: 4,
    });
  });
}

Deno.test("readFeatures() reads categories and small whole numbers with nulls", async () => {
  const { labels } = await readFeatures(join(FIXTURES, "dictionary.arrow"));
  assert.deepEqual(Object.fromEntries(labels), {
    kind: { type: "class", values: ["b", null, "a", "b"] },
    number: { type: "number", values: [1, null, 3, 4] },
  });
});

Deno.test("readFeatures() reads a file without rows", async () => {
  const { rows, width } = await readFeatures(join(FIXTURES, "no-rows.arrow"));
  assert.deepEqual({ rows, width }, { rows: 0, width: 2 });
});

Deno.test("readFeatures() refuses what it does not read, and says what to do", async () => {
  const need = "needs the columns key (utf8) and embedding (FixedSizeList<float32>), got";
  const cases: Readonly<Record<string, string>> = {
    lz4: "is compressed (LZ4), write it with compression='uncompressed'",
    zstd: "is compressed (ZSTD), write it with compression='uncompressed'",
    stream: "is an Arrow IPC stream, write it as a file (pyarrow.ipc.new_file)",
    "null-embedding": 'has no usable embedding in row 2 (key "k2"): it is null, leave the row out',
    "null-list": 'has no usable embedding in row 2 (key "k2"): it is null, leave the row out',
    "null-value":
      'has no usable embedding in row 1 (key "k1"): it holds null as value 1, leave the row out',
    "null-key": "has no key in row 1, leave the row out",
    ragged:
      'has no usable embedding in row 2 (key "k2"): it has 3 values, wanted 2, leave the row out',
    "empty-lists":
      'has no usable embedding in row 0 (key "k0"): it has 0 values, wanted at least 1, leave the row out',
    "beyond-2-53":
      'has a whole number beyond 2^53 as label "number", which a float64 does not hold, write it as text',
    timestamp: 'has a label "when" of type timestamp, wanted utf8 or a number type',
    "whole-numbers": `${need} key (utf8), embedding (fixed-size list<int32>[2])`,
    "polars-views": `${need} key (utf8 view), embedding (fixed-size list<float32>[2]), ` +
      "write it without views (polars: compat_level=CompatLevel.oldest())",
    "rows-13-of-77": "is damaged (it has 13 rows, and ijepa.rows is 77), make it again",
    "rows-2-to-the-35": "is damaged (it has 34359738445 rows, and ijepa.rows is 77), make it again",
  };
  for (const [name, wanted] of Object.entries(cases)) {
    assert.equal(await refusal(join(FIXTURES, `${name}.arrow`)), wanted, name);
  }
});

Deno.test("readFeatures() reads what older versions of this tool wrote, without a schema in front", async () => {
  const bytes = await Deno.readFile(join(FIXTURES, "rows-13-of-77.arrow"));
  const at = 80; // The length of its only record batch.
  assert.equal(bytes[at], 13);
  bytes[at] = 77;
  await withFolder(async (folder) => {
    const path = join(folder, "old.arrow");
    await Deno.writeFile(path, bytes);
    const { rows, keys, embeddings } = await readFeatures(path);
    assert.equal(rows, 77);
    assert.equal(new Set(keys).size, 77);
    assert.ok(embeddings.every((value) => Number.isFinite(value) && value !== 0));
    // Other lengths, with and without the metadata's word on them.
    for (const wrong of [0, 1, 76, 78, 100, 255]) {
      bytes[at] = wrong;
      await Deno.writeFile(path, bytes);
      assert.match(await refusal(path), /^is damaged \(it has \d+ rows, and ijepa\.rows is 77\)/);
    }
  });
});

Deno.test("readFeatures() recognises other formats", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "x");
    for (
      const [start, wanted] of [
        ["FEA1....", "is a Feather file of version 1, write it with version=2"],
        ["PAR1....", "is a Parquet file, write it as Arrow IPC (pyarrow.feather.write_feather)"],
        [
          "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
          "is a Git LFS pointer, run git lfs pull",
        ],
        ["", 'is not an Arrow IPC file, give a file that "deno task features" wrote'],
      ] as const
    ) {
      await Deno.writeTextFile(path, start);
      assert.equal(await refusal(path), wanted);
    }
    await assert.rejects(readFeatures(folder), {
      kind: "missing",
      message: `Cannot read features: "${folder}" is not readable (it is a directory)`,
    });
  });
});
