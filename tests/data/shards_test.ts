import assert from "node:assert/strict";
import { join } from "node:path";
import { formatManifest, parseManifest } from "../../lib/data/manifest.ts";
import { parseSampleRecord } from "../../lib/data/sample_record.ts";
import { openShards, verifyShards } from "../../lib/data/shards.ts";
import { Failure } from "../../lib/failure.ts";
import { tool } from "../tools.ts";
import { failureOf, makeShards } from "./numbered_shards.ts";
import { temporaryFolder } from "../images/pictures.ts";

const encoder = new TextEncoder();

Deno.test("readSample() reads any sample in any order, many at once", async () => {
  await using folder = await temporaryFolder();
  const images = 150;
  // More shards than are kept open.
  await makeShards(folder.path, { images, shardImages: 2 });
  const shards = await openShards(folder.path);
  await using split = shards.split("train");
  assert.equal(split.length, images);
  const order = Array.from({ length: 2 * images }, (_, i) => i * 67 % images);
  await Promise.all(order.map(async (index) => {
    const wanted = `image ${index}`.padEnd(500 + index, ".");
    assert.equal(new TextDecoder().decode(await split.readImage(index)), wanted);
    const { key, path, image, labels } = await split.readSample(index);
    assert.equal(new TextDecoder().decode(image), wanted);
    assert.deepEqual([key, path, labels], [`k${index}`, `${index}.jpg`, {
      objects: index,
      shape: null,
    }]);
  }));
  await assert.rejects(split.readImage(images), RangeError);
  await assert.rejects(split.readSample(-1), RangeError);
});

Deno.test("openShards() names what is missing or cut short", async () => {
  await using folder = await temporaryFolder();
  const { path } = folder;
  const open = () => failureOf(openShards(path), path);
  const hint = "give the folder that the shard stage has written";
  assert.equal(
    await open(),
    `missing: Cannot open the shards "S": "S/manifest.json" does not exist, ${hint}`,
  );
  await makeShards(path, { images: 3, shardImages: 2 });
  const tar = join(path, "train-000001.tar");
  const bytes = await Deno.readFile(tar);
  await Deno.writeFile(tar, bytes.subarray(0, 1000));
  assert.equal(
    await open(),
    `data: Cannot open the shards "S": "S/train-000001.tar" has the wrong length: ` +
      `wanted ${bytes.length} bytes, got 1000, run shard again`,
  );
  await Deno.remove(tar);
  assert.equal(
    await open(),
    'missing: Cannot open the shards "S": "S/train-000001.tar" does not exist, run shard again',
  );
  await Deno.writeTextFile(join(path, "manifest.json"), "{");
  assert.match(
    await open(),
    /^data: Cannot read the manifest "S\/manifest.json": it is not JSON \(.*\), run shard again$/,
  );
  await Deno.remove(join(path, "manifest.json"));
  if (await tool("mkfifo", [join(path, "manifest.json")]) === undefined) return;
  assert.equal(
    await open(),
    'missing: Cannot open the shards "S": "S/manifest.json" is not readable ' +
      "(it is a pipe or a device, wanted a file)",
  );
});

Deno.test("shards that cannot be read now are not taken for missing or damaged", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 2, shardImages: 2 });
  const shards = await openShards(folder.path), tar = join(folder.path, "train-000000.tar");
  await Deno.remove(tar);
  await Deno.symlink("train-000000.tar", tar);
  assert.equal(
    await failureOf(openShards(folder.path), folder.path),
    'missing: Cannot open the shards "S": "S/train-000000.tar" is not readable ' +
      "(its links lead in a circle)",
  );
  assert.equal(
    await failureOf(verifyShards(shards, "train"), folder.path),
    'missing: Cannot use the shard "S/train-000000.tar": it is not readable ' +
      "(its links lead in a circle)",
  );
});

Deno.test("split() suggests the name of a split", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 1, shardImages: 1 });
  const shards = await openShards(folder.path);
  assert.throws(() => shards.split("trian"), {
    message:
      `Cannot read the shards "${folder.path}": there is no split "trian", did you mean "train"?`,
  });
});

Deno.test("verifyShards() names the shard whose bytes have changed", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 4, shardImages: 2 });
  const shards = await openShards(folder.path);
  const seen: number[] = [];
  await verifyShards(shards, "train", (done, total) => seen.push(done / total));
  assert.deepEqual(seen, [0, 0.5, 1]);
  const tar = join(folder.path, "train-000001.tar");
  const bytes = await Deno.readFile(tar);
  bytes[600]! ^= 1;
  await Deno.writeFile(tar, bytes);
  const message = await failureOf(verifyShards(shards, "train"), folder.path);
  const wanted = shards.manifest.splits["train"]!.shards[1]!.sha256;
  assert.match(
    message,
    new RegExp(
      `^data: Cannot use the shard "S/train-000001.tar": wanted SHA-256 ${wanted}, ` +
        `got [0-9a-f]{64}, run shard again$`,
    ),
  );
});

Deno.test("a shard that shrinks while it is read is an error, not a short image", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 2, shardImages: 2 });
  await using split = (await openShards(folder.path)).split("train");
  await Deno.truncate(join(folder.path, "train-000000.tar"), 700);
  assert.equal(
    await failureOf(split.readImage(0), folder.path),
    'data: Cannot read "S/train-000000.tar": wanted 1012 bytes at 0, got 700, the file is cut short, ' +
      "run shard again",
  );
});

Deno.test("parseManifest() refuses manifests that do not add up", async () => {
  await using folder = await temporaryFolder();
  await makeShards(folder.path, { images: 2, shardImages: 2 });
  const text = await Deno.readTextFile(join(folder.path, "manifest.json"));
  assert.equal(formatManifest(parseManifest(text, "m")), text);
  const { bytes, offsets: [[, , , jsonBytes]] } = JSON.parse(text).splits.train.shards[0];
  const places =
    "places [image, imageBytes, json, jsonBytes], one sample behind the other, in all of the file";
  const cases: readonly (readonly [string | RegExp, string, string])[] = [
    ['"ijepa-shards"', '"tars"', '"format" wants "ijepa-shards", got "tars"'],
    ['"version": 1', '"version": 2', '"version" wants 1, got 2'],
    [
      '"images": 2',
      '"images": 3',
      '"splits.train.images" wants the sum of the images of its shards, got',
    ],
    [
      /"images": 2,\n {5}"bytes"/,
      '"images": 1e12, "bytes"',
      '"splits.train.shards.0.images" wants at most 1000000000, got 1000000000000',
    ],
    [
      "train-000000.tar",
      "../../train-000000.tar",
      '"splits.train.shards.0.file" wants a plain file name that ends in .tar, got "../../train-000000.tar"',
    ],
    [
      "train-000000.tar",
      "/etc/passwd",
      '"splits.train.shards.0.file" wants a plain file name that ends in .tar, got "/etc/passwd"',
    ],
    ["[512,", '["512",', `"splits.train.shards.0.offsets" wants ${places}`],
    ["[512,", "[-512,", `"splits.train.shards.0.offsets" wants ${places}`],
    ["[512,500", "[512,1e9", `"splits.train.shards.0.offsets" wants ${places}`],
    [
      `,${jsonBytes}]`,
      `,${bytes}]`,
      `"splits.train.shards.0.offsets" wants ${places}`,
    ],
    [
      /\[512,[\d,]+\],/,
      "",
      '"splits.train.shards.0.offsets" wants a place for each of the images, got',
    ],
    [
      /"sha256": "../,
      '"sha256": "ZZ',
      '"splits.train.shards.0.sha256" wants a SHA-256 of 64 hexadecimal digits, got "ZZ',
    ],
    ['"number"', '"class"', '"labels.0.classes" is missing'],
    ['"number"', '"text"', '"labels.0.type" wants ("class" | "number"), got "text"'],
    ['"objects"', '"shape"', '"labels" wants columns of different names, got ["{...}","{...}"]'],
    [
      '"objects"',
      '"embedding"',
      '"labels.0.name" wants a name that is not reserved, got "embedding"',
    ],
    [/"a",\s+"b"/, '"a","a"', '"labels.1.classes" wants classes of different names, got ["a","a"]'],
    ['"channelStd"', '"std"', '"channelStd" is missing'],
    [/0\.25/, "-1", '"channelStd.0" wants at least 0, got -1'],
    [/0\.25/, "null", '"channelStd.0" wants a number, got null'],
    ['"seed": 0', '"seed": 0.5', '"seed" wants a whole number, got 0.5'],
    [
      '"seed": 0',
      '"seed": 0, "clsColumn": "objects"',
      '"clsColumn" wants the name of a label of classes, got',
    ],
    [
      /"splits": \{.*\},(?=\s*"labels")/s,
      '"splits": [],',
      '"splits" wants an object with a split at least, got',
    ],
    ['"train": {', '"../train": {', '"splits.../train" wants a name of a split, got "../train"'],
  ];
  for (const [from, to, flaw] of cases) {
    const changed = text.replace(from, to);
    assert.notEqual(changed, text, String(from));
    assert.throws(() => parseManifest(changed, "m"), (error) => {
      assert.ok(error instanceof Failure && error.kind === "data");
      assert.ok(error.message.startsWith(`Cannot read the manifest "m": ${flaw}`), error.message);
      assert.ok(error.message.endsWith(", run shard again"), error.message);
      return true;
    });
  }
  const twice = JSON.parse(text);
  twice.splits.test = twice.splits.train;
  assert.throws(
    () => parseManifest(JSON.stringify(twice), "m"),
    /^Failure: Cannot read the manifest "m": "splits" wants tar files SPLIT-000000\.tar, SPLIT-000001\.tar, \.\.\., got /,
  );
  assert.throws(() => parseManifest(new Uint8Array([0x22, 0xff, 0x22]), "m"), {
    message: 'Cannot read the manifest "m": it is not UTF-8 text, run shard again',
  });
});

Deno.test("parseSampleRecord() holds labels against the manifest", () => {
  const columns = [
    { name: "n", type: "number" },
    { name: "__proto__", type: "class", classes: ["a"] },
    { name: "constructor", type: "class", classes: ["a"] },
  ] as const;
  const parse = (text: string) => parseSampleRecord(encoder.encode(text), columns);
  const record = parse('{"key":"k","path":"p","labels":{"n":1,"__proto__":"a"}}');
  assert.deepEqual(Object.entries(record.labels), [
    ["n", 1],
    ["__proto__", "a"],
    ["constructor", null],
  ]);
  const cases = {
    '{"key":"k","path":"p","labels":{"n":"1"}}': 'label "n" wants a number, got "1"',
    '{"key":"k","path":"p","labels":{"constructor":"b"}}':
      'label "constructor" wants one of its classes, got "b"',
    '{"key":"k","path":7,"labels":{}}': '"path" wants a text, got 7',
    '{"key":"k","path":"p","labels":[]}': '"labels" wants an object of labels, got []',
    '{"key":"k","path":"p"}': '"labels" is missing',
    "[]": '"key" is missing',
  };
  for (const [text, message] of Object.entries(cases)) {
    assert.throws(() => parse(text), { name: "JsonError", message });
  }
});
