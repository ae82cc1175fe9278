/** Every stage holds what it reads against the receipt of the stage that made it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { writeRun } from "../encoder/made_run.ts";
import { type Report, reportOf } from "./report_of.ts";

let root = "";

function inRoot(name: string): string {
  return join(root, name);
}

/** Runs a stage whose paths begin with `S/`. */
async function run(command: string): Promise<Report> {
  const [stage, ...flags] = command.replaceAll("S/", `${root}/`).split(" ");
  return await reportOf(stage as Parameters<typeof reportOf>[0], flags, { hide: root });
}

async function make(command: string): Promise<void> {
  const { code, stderr } = await run(command);
  assert.equal(code, 0, stderr);
}

const FEATURES = "features --encoder S/encoder --shards S/shards --out S/train.arrow";

Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  await writeRun(inRoot("run"), [5]);
  await make("scenes --out S/scenes --count 40 --size 16");
  await make("shard --images S/scenes --out S/shards --holdout 0.3");
  await make("checkpoint --run S/run --out S/encoder");
  await make(FEATURES);
  await make("features --encoder S/encoder --shards S/shards --split test --out S/test.arrow");
  await make("probe --train S/train.arrow --test S/test.arrow --out S/probe --method knn");
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

/** Calls `body` while a file holds something else. */
async function whileChanged(
  name: string,
  change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>,
  body: () => Promise<void>,
): Promise<void> {
  const path = inRoot(name), bytes = await Deno.readFile(path);
  await Deno.writeFile(path, change(bytes.slice()));
  try {
    await body();
  } finally {
    await Deno.writeFile(path, bytes);
  }
}

/** One bit in the middle. */
function flipBit(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  bytes[bytes.length >> 1]! ^= 1;
  return bytes;
}

function replacing(from: RegExp, to: string) {
  return (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
    const text = new TextDecoder().decode(bytes);
    assert.match(text, from);
    return new TextEncoder().encode(text.replace(from, to));
  };
}

const AGAIN = FEATURES.replace("train.arrow", "again.arrow");
const READERS = [
  ["encoder/model.safetensors", flipBit, AGAIN],
  [
    "encoder/config.json",
    replacing(/"num_attention_heads": \d+/, '"num_attention_heads": 1'),
    AGAIN,
  ],
  [
    "encoder/preprocessor_config.json",
    replacing(/"image_std": \[\s+[\d.]+/, '"image_std": [ 0.7'),
    AGAIN,
  ],
  ["shards/manifest.json", replacing(/"channelMean": \[\s+0\./, '"channelMean": [0.0'), AGAIN],
  ["shards/manifest.json", flipBit, "pretrain --shards S/shards --out S/run2 --preset smoke"],
  ["train.arrow", flipBit, "probe --train S/train.arrow --test S/test.arrow --out S/probe2"],
  [
    "probe/metrics.json",
    replacing(/"score": 0\.\d/, '"score": 0.9'),
    "compare --probes a=S/probe",
  ],
  [
    "encoder/model.safetensors",
    flipBit,
    "pretrain --shards S/shards --out S/run2 --preset smoke --init-from S/encoder",
  ],
  [
    "encoder/model.safetensors",
    flipBit,
    "pretrain --shards S/shards --out S/run2 --preset smoke --init-from S/encoder/model.safetensors",
  ],
  ["scenes/labels.csv", replacing(/star/, "square"), "shard --images S/scenes --out S/shards2"],
  ["scenes/images/000007.jpg", flipBit, "shard --images S/scenes --out S/shards2"],
] as const;

for (const [name, change, command] of READERS) {
  const [stage] = command.split(" ");
  const from = /--init-from (\S+)/.exec(command)?.[1];
  Deno.test(`${stage}${from ? ` from ${from}` : ""} refuses a changed ${name}`, () =>
    whileChanged(name, change, async () => {
      const { code, message } = await run(command);
      assert.equal(code, 65, message);
      assert.ok(
        message.includes(`"S/${name}" was changed since it was made: wanted SHA-256 `),
        message,
      );
      assert.match(
        message,
        /wanted SHA-256 [0-9a-f]{64}, got [0-9a-f]{64}, make it again with "deno task \w+" and --force, or remove "S\/\S+receipt\.json" to use it as it is$/,
      );
    }));
}

Deno.test("what a person adds beside files of the tool is no change", async () => {
  for (const name of ["encoder/notes.md", "shards/extra.arrow", "scenes/images/mine.txt"]) {
    await Deno.writeTextFile(inRoot(name), "mine");
  }
  await make(FEATURES);
  await make("shard --images S/scenes --out S/more");
});

Deno.test("without a receipt there is nothing to compare with", async () => {
  const receipt = inRoot("encoder/receipt.json"), aside = inRoot("receipt.json");
  await Deno.rename(receipt, aside);
  try {
    await whileChanged(
      "encoder/config.json",
      replacing(/"layer_norm_eps": [^,]+/, '"layer_norm_eps": 1e-5'),
      () => make(AGAIN),
    );
  } finally {
    await Deno.rename(aside, receipt);
  }
});
