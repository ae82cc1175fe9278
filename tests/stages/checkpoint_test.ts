import assert from "node:assert/strict";
import { join } from "node:path";
import { readEncoder } from "../../lib/encoder/mod.ts";
import { readSafetensors } from "../../lib/formats/safetensors.ts";
import { POSITIONS, resizePositions } from "../../lib/model/positions.ts";
import { runOnnxFile } from "../../lib/runtime/onnx_file.ts";
import { type FloatTensor, floatTensor, type TensorRecord, under } from "../../lib/tensor.ts";
import {
  MANIFEST_SHA256,
  MODEL,
  stateOfStart,
  stateOfStep,
  writeRun,
} from "../encoder/made_run.ts";
import { withFolder } from "../folder.ts";
import { withSmallDisk } from "../small_disk.ts";
import { type Report, reportOf } from "./report_of.ts";

let root = "";
let run = "";

Deno.test.beforeAll(async () => {
  root = await Deno.makeTempDir();
  run = join(root, "run");
  await writeRun(run, [10, 20]);
});
Deno.test.afterAll(async () => {
  await Deno.remove(root, { recursive: true });
});

/** Exports to folder `name` below the root. */
function exportTo(
  name: string,
  flags: readonly string[] = [],
  from: string = run,
): Promise<Report> {
  return reportOf("checkpoint", ["--run", from, "--out", join(root, name), ...flags], {
    hide: root,
  });
}

async function filesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory) {
      names.push(...(await filesIn(join(directory, name))).map((n) => `${name}/${n}`));
    } else names.push(name);
  }
  return names.sort();
}

Deno.test("checkpoint exports the target encoder of the newest checkpoint", async () => {
  const { code, result, stderr } = await exportTo("encoder");
  assert.equal(code, 0, stderr);
  const directory = join(root, "encoder");
  assert.deepEqual(await filesIn(directory), [
    "README.md",
    "config.json",
    "model.safetensors",
    "onnx/model.onnx",
    "preprocessor_config.json",
    "receipt.json",
  ]);
  const encoder = await readEncoder(directory);
  assert.deepEqual(encoder.config, MODEL.encoder);
  assert.deepEqual(encoder.weights, under("target_encoder.", stateOfStep(20)));
  assert.deepEqual(encoder.preprocessing, {
    resize: "shorter-side",
    shorterSide: 16,
    size: [16, 16],
    filter: "bicubic",
    mean: [0.4, 0.5, 0.6],
    std: [0.2, 0.25, 0.3],
  });
  assert.deepEqual([encoder.network, encoder.step], ["target", 20]);
  const { sha256, onnxLargestDifference, ...rest } = result;
  assert.deepEqual(rest, {
    stage: "checkpoint",
    out: "S/encoder",
    status: "done",
    encoder: "target",
    step: 20,
  });
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.ok(onnxLargestDifference < 1e-5, `differs by ${onnxLargestDifference}`);
  const card = await Deno.readTextFile(join(directory, "README.md"));
  const difference = onnxLargestDifference.toExponential(2);
  for (
    const wanted of [
      "The target encoder (the moving average",
      "after 20 steps",
      "| training images | 40, split train |",
      MANIFEST_SHA256,
      `| ONNX check, largest difference | ${difference} |`,
      '"patchEmbedStd": 0.05',
    ]
  ) assert.ok(card.includes(wanted), `"${wanted}" is not in the card`);

  const again = await exportTo("encoder");
  assert.deepEqual(again.result, { ...result, status: "up to date" });
});

Deno.test("checkpoint writes the same bytes again", async () => {
  await exportTo("encoder");
  const { code, stderr } = await exportTo("again/encoder", ["--step", "20"]);
  assert.equal(code, 0, stderr);
  for (const file of await filesIn(join(root, "encoder"))) {
    if (file === "receipt.json") continue;
    const [once, twice] = [join(root, "encoder", file), join(root, "again/encoder", file)];
    assert.deepEqual(await Deno.readFile(twice), await Deno.readFile(once), file);
  }
});

Deno.test("checkpoint's ONNX file takes any number of images", async () => {
  await exportTo("encoder");
  for (const batch of [1, 5]) {
    const images = floatTensor([batch, 3, 16, 16]);
    images.data.fill(0.5);
    const results = await runOnnxFile(join(root, "encoder/onnx/model.onnx"), {
      feeds: { pixel_values: images },
      results: { last_hidden_state: [batch, 16, 16], pooler_output: [batch, 16] },
      settings: { threads: 1 },
    });
    const pooled = results["pooler_output"]!.data as Float32Array;
    assert.deepEqual(pooled.slice(-16), pooled.slice(0, 16));
    assert.ok(pooled.some((x) => x !== 0));
  }
});

Deno.test("checkpoint --step and --encoder choose step and network, and the files say which", async () => {
  const { code, stderr } = await exportTo("context", ["--step", "10", "--encoder", "context"]);
  assert.equal(code, 0, stderr);
  const { weights, network, step } = await readEncoder(join(root, "context"));
  assert.deepEqual(weights, under("encoder.", stateOfStep(10)));
  assert.deepEqual([network, step], ["context", 10]);
  const card = await Deno.readTextFile(join(root, "context/README.md"));
  assert.ok(card.includes("The context encoder (the weights that the optimiser works on)"));
});

Deno.test("checkpoint --step 0 exports the random initialisation, which no run has to keep", async () => {
  const { code, stderr } = await exportTo("random", ["--step", "0"]);
  assert.equal(code, 0, stderr);
  const { weights, step } = await readEncoder(join(root, "random"));
  assert.deepEqual(weights, under("target_encoder.", stateOfStart()));
  assert.equal(step, 0);
  const card = await Deno.readTextFile(join(root, "random/README.md"));
  assert.ok(card.includes("at random initialisation (step 0): a baseline, it has learned nothing"));

  await withFolder(async (folder) => {
    const empty = join(folder, "empty");
    await writeRun(empty, []);
    assert.equal((await exportTo("random", ["--step", "0"], empty)).result.status, "up to date");
  });
});

Deno.test("checkpoint replaces an encoder of another step only when it is told to", async () => {
  const former = await exportTo("replaced", ["--step", "10"]);
  const refused = await exportTo("replaced");
  assert.equal(refused.code, 73);
  assert.match(
    refused.message,
    /^checkpoint: Cannot write "S\/replaced": it was made from other inputs/,
  );
  const replaced = await exportTo("replaced", ["--force"]);
  assert.equal(replaced.code, 0, replaced.stderr);
  assert.notEqual(replaced.result.sha256, former.result.sha256);
});

Deno.test("checkpoint takes the newest checkpoint that is whole, and names the damaged one", async () => {
  await withFolder(async (folder) => {
    const damaged = join(folder, "damaged");
    await writeRun(damaged, [10, 20]);
    const state = join(damaged, "checkpoints/step-00000020/state.safetensors");
    await Deno.truncate(state, 1000);
    const { code, result, stderr } = await exportTo("older", [], damaged);
    assert.equal(code, 0, stderr);
    assert.equal(result.step, 10);
    assert.match(stderr, /state\.safetensors has the wrong length: wanted \d+ bytes, got 1000/);
    const { message, code: asked } = await exportTo("none", ["--step", "20"], damaged);
    assert.equal(asked, 65);
    assert.match(message, /state\.safetensors has the wrong length: wanted \d+ bytes, got 1000/);
  });
});

Deno.test("checkpoint names what it cannot find", async () => {
  await withFolder(async (folder) => {
    const empty = join(folder, "empty");
    await writeRun(empty, []);
    const cases: [string, string[], number, string][] = [
      [
        join(root, "nowhere"),
        [],
        66,
        'Cannot open the run: "S/nowhere" does not exist, give the directory that the pretrain stage ' +
        "has written",
      ],
      [
        run,
        ["--step", "15"],
        66,
        'Cannot open the run "S/run": it has no checkpoint of step 15, there are: 10, 20',
      ],
      [
        run,
        ["--step", "newest"],
        2,
        'Cannot read the command line: --step must be "latest" or a number of steps, got "newest"',
      ],
      [
        run,
        ["--encoder", "taget"],
        2,
        'Cannot read the command line: unknown value "taget" for --encoder, did you mean "target"?',
      ],
      [
        empty,
        [],
        66,
        `Cannot export from the run "${empty}": it has no checkpoint yet, wait for the first ` +
        "(run.checkpointSteps) or pass --step 0 for the random initialisation",
      ],
    ];
    for (const [from, flags, wantedCode, wanted] of cases) {
      const { code, message } = await exportTo("none", flags, from);
      assert.deepEqual([code, message], [wantedCode, `checkpoint: ${wanted}`]);
    }
    await assert.rejects(() => Deno.stat(join(root, "none")), Deno.errors.NotFound);
  });
});

Deno.test("checkpoint refuses a checkpoint with a missing, extra or misshapen tensor, or with NaN", async () => {
  const name = "target_encoder.blocks.1.mlp.fc1.weight";
  const without = ({ [name]: _, ...rest }: TensorRecord): TensorRecord => rest;
  const extra = { ...stateOfStart(), "target_encoder.head.weight": floatTensor([2, 3]) };
  const foreign = { ...stateOfStart(), "teacher.weight": floatTensor([2]) };
  const bent = { ...stateOfStart(), [name]: floatTensor([16, 64]) };
  const broken = { ...stateOfStart(), "target_encoder.norm.bias": floatTensor([16]) };
  broken["target_encoder.norm.bias"].data[5] = NaN;
  const at = (folder: string) =>
    `Cannot use the checkpoint "${folder}/checkpoints/step-00000030": tensor `;
  const cases: [TensorRecord, (folder: string) => string][] = [
    [without(stateOfStart()), (folder) => `${at(folder)}"${name}" is missing`],
    [
      extra,
      (folder) => `${at(folder)}"target_encoder.head.weight" does not belong to this model`,
    ],
    [foreign, (folder) => `${at(folder)}"teacher.weight" does not belong to this model`],
    [
      bent,
      (folder) => `${at(folder)}"${name}" is float32 [16 64], wanted float32 [64 16]`,
    ],
    [
      broken,
      () =>
        "Cannot export the encoder: its last_hidden_state holds NaN on random images, so training " +
        "has diverged, choose an earlier --step",
    ],
  ];
  for (const [state, wanted] of cases) {
    await withFolder(async (folder) => {
      await writeRun(folder, [30], () => state);
      const { code, message } = await exportTo("none", [], folder);
      assert.deepEqual([code, message], [65, `checkpoint: ${wanted(folder)}`]);
      await assert.rejects(() => Deno.stat(join(root, "none")), Deno.errors.NotFound);
    });
  }
});

Deno.test("checkpoint refuses a directory that is no run", async () => {
  await withFolder(async (folder) => {
    const { code, message } = await exportTo("none", [], folder);
    assert.equal(code, 66);
    assert.ok(
      message.startsWith(
        `checkpoint: Cannot open the run "${folder}": "${folder}/config.json" does not exist`,
      ),
      message,
    );
    await writeRun(folder, [10]);
    const record = JSON.parse(await Deno.readTextFile(join(folder, "config.json")));
    record.config.model.width = "wide";
    await Deno.writeTextFile(join(folder, "config.json"), JSON.stringify(record));
    const damaged = await exportTo("none", [], folder);
    assert.equal(damaged.code, 65);
    assert.match(
      damaged.message,
      /Cannot open the run ".*": Cannot use the configuration: model\.width from config /,
    );
  });
});

Deno.test("checkpoint says that the disk is full and leaves nothing", async () => {
  const disk = join(root, "disk");
  await withSmallDisk(disk, 32, async () => {
    const { code, message } = await exportTo("disk/encoder");
    assert.deepEqual([code, message], [
      73,
      'checkpoint: Cannot write "S/disk/encoder": the disk is full, free some space and run the command again',
    ]);
    assert.deepEqual([...Deno.readDirSync(disk)], []);
  });
});

Deno.test("the weights file has the names that transformers reads", async () => {
  await exportTo("encoder");
  const { tensors } = await readSafetensors(join(root, "encoder/model.safetensors"));
  const fused = stateOfStep(20)["target_encoder.blocks.3.attn.qkv.weight"]!.data;
  const key = tensors["encoder.layer.3.attention.attention.key.weight"]!;
  assert.deepEqual(key.shape, [16, 16]);
  assert.deepEqual(key.data, fused.slice(256, 512));
  assert.deepEqual(tensors["embeddings.position_embeddings"]!.shape, [1, 16, 16]);
});

Deno.test("checkpoint --image-size exports for other images: positions resized, ONNX checked", async () => {
  const { code, result, stderr } = await exportTo("wide", ["--image-size", "24x32"]);
  assert.equal(code, 0, stderr);
  assert.ok((result["onnxLargestDifference"] as number) < 1e-4);
  const { config, preprocessing, weights } = await readEncoder(join(root, "wide"));
  assert.deepEqual(config, { ...MODEL.encoder, imageSize: [24, 32] });
  assert.deepEqual([preprocessing.resize, preprocessing.size], ["stretch", [24, 32]]);
  const own = under("target_encoder.", stateOfStep(20)) as Record<string, FloatTensor>;
  const positions = resizePositions(own[POSITIONS]!, { from: [4, 4], to: [6, 8] });
  assert.deepEqual(weights, { ...own, [POSITIONS]: positions });

  const square = await exportTo("square", ["--image-size", "32"]);
  assert.equal(square.code, 0, square.stderr);
  const { shorterSide, size } = (await readEncoder(join(root, "square"))).preprocessing;
  assert.deepEqual([shorterSide, size], [32, [32, 32]]);
});

Deno.test("checkpoint --image-size is refused when patches do not fit, or it is no size", async () => {
  const unfit = await exportTo("unfit", ["--image-size", "18"]);
  assert.deepEqual([unfit.code, unfit.stderr.split("\n")[0]], [
    2,
    "checkpoint: Cannot change the resolution: 18 pixels are no multiple of the encoder's patches of 4, " +
    "use 16 or 20",
  ]);
  for (const size of ["big", "16384", "0x10", " 16", "16x", "-16"]) {
    const text = await exportTo("text", [`--image-size=${size}`]);
    assert.deepEqual([text.code, text.stderr.split("\n")[0]], [
      2,
      "checkpoint: Cannot change the resolution: --image-size must be pixels such as 448, or 224x448 " +
      `(height x width), of at most 4096, got "${size}"`,
    ]);
  }
  const many = await exportTo("many", ["--image-size", "1024"]);
  assert.deepEqual([many.code, many.stderr.split("\n")[0]], [
    2,
    "checkpoint: Cannot change the resolution: 1024x1024 pixels are 65536 of the encoder's patches of " +
    "4, wanted at most 16384, lower --image-size",
  ]);
});
