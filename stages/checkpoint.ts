/** Run → an encoder directory in Hugging Face layout, with ONNX. See `deno task checkpoint --help`. */
import { join } from "node:path";
import { type FileRecord, makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  expectInput,
  main,
  type Options,
  printMessage,
  VERSION,
} from "../lib/cli/mod.ts";
import {
  checkOnnx,
  type Encoder,
  ENCODER_FILES,
  encoderAt,
  type EncoderWeights,
  IMAGE_SIZE_FLAG,
  modelCard,
  parseImageSize,
  readEncoder,
  resizeTo,
  writeEncoder,
  writeOnnx,
} from "../lib/encoder/mod.ts";
import { Failure } from "../lib/failure.ts";
import { canonicalJson, sha256, sha256File } from "../lib/files/mod.ts";
import type { ModelConfig } from "../lib/model/config.ts";
import { POSITIONS, positionTable } from "../lib/model/positions.ts";
import { encoderShapes, initialise } from "../lib/model/parameters.ts";
import {
  type Checkpoint,
  checkpointAt,
  latestCheckpoint,
  listCheckpoints,
  readCheckpoint,
  readRun,
  type RunRecord,
} from "../lib/run/mod.ts";
import { under } from "../lib/tensor.ts";
import { imageSizeOf, modelConfigOf, type PretrainConfig } from "../lib/config/mod.ts";
import { stateShapes } from "../lib/training/state.ts";

const FLAGS = {
  run: {
    type: "string",
    path: true,
    placeholder: "RUN",
    required: true,
    help: "directory that the pretrain stage has written",
  },
  out: {
    type: "string",
    path: true,
    placeholder: "ENCODER",
    required: true,
    help: "directory to make",
  },
  step: {
    type: "string",
    placeholder: "latest|N",
    default: "latest",
    help: "which checkpoint; 0 is the start: random, a baseline, unless --init-from gave weights",
  },
  encoder: {
    type: "string",
    placeholder: "NAME",
    default: "target",
    choices: ["target", "context"],
    help: "target: the moving average, which the paper evaluates; context: the trained weights",
  },
  imageSize: IMAGE_SIZE_FLAG,
  force: { type: "boolean", help: "replace an encoder that was made from something else" },
} as const;

type CheckpointOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "checkpoint",
  summary: "exports the encoder of a run for use elsewhere: Hugging Face layout, safetensors, ONNX",
  flags: FLAGS,
  examples: [
    "deno task checkpoint --run run --out encoder",
    "deno task checkpoint --run run --out random --step 0",
    "deno task checkpoint --run run --out encoder-448 --image-size 448",
  ],
  details:
    `Writes config.json, preprocessor_config.json, model.safetensors (IJepaModel of transformers),
onnx/model.onnx (pixel_values -> last_hidden_state, pooler_output; any batch) and README.md, the model card.
The ONNX file is run and compared with the encoder; the largest difference is in the model card.
transformers knows no encoder with registers (model.registers) and refuses one; its ONNX file works anywhere.
--image-size exports the encoder for images of another size than it was trained on.`,
} as const satisfies Command<typeof FLAGS>;

/** Names of the networks in a checkpoint. */
const PREFIXES = { target: "target_encoder.", context: "encoder." } as const;

function say(text: string): void {
  printMessage("checkpoint", text);
}

/**
 * The checkpoint that `--step` means; none for step 0 if the run has not kept it.
 *
 * @throws {Failure} `usage`: neither `latest` nor a number; `missing`: no such checkpoint; `data`: it is damaged
 */
async function findCheckpoint(
  { run, step }: CheckpointOptions,
  { initFrom }: RunRecord,
): Promise<Checkpoint | undefined> {
  if (step === "latest") {
    const newest = await latestCheckpoint(run, ({ path }, { message }) => {
      say(`${message}: passing over "${path}"`);
    });
    if (newest !== undefined) return newest;
    throw new Failure(
      "missing",
      `Cannot export from the run "${run}": it has no checkpoint yet, wait for the first ` +
        `(run.checkpointSteps) or pass --step 0 for the random initialisation`,
    );
  }
  if (!/^\d+$/.test(step)) {
    throw new Failure(
      "usage",
      `Cannot read the command line: --step must be "latest" or a number of steps, got "${step}"`,
    );
  }
  const stored = (await listCheckpoints(run)).some((known) => known.step === Number(step));
  // The initial weights of a run with `--init-from` cannot be drawn again.
  const random = Number(step) === 0 && !stored && initFrom === undefined;
  return random ? undefined : await checkpointAt(run, Number(step));
}

/** The weights of one network of a checkpoint, under the official names. */
async function readNetwork(
  checkpoint: Checkpoint,
  model: ModelConfig,
  prefix: string,
): Promise<EncoderWeights> {
  const known = stateShapes(model);
  const shapes = Object.fromEntries(
    Object.entries(known).filter(([name]) => name.startsWith(prefix)),
  );
  // Loads unexpected tensors too, so that the failure names them.
  const wanted = (name: string) => name.startsWith(prefix) || !Object.hasOwn(known, name);
  const tensors = await readCheckpoint(checkpoint, { shapes, wanted });
  return under(prefix, tensors) as EncoderWeights;
}

/** The weights of step 0: a pure function of the configuration, the same for both networks. */
function initialWeights({ encoder }: ModelConfig, { model, run }: PretrainConfig): EncoderWeights {
  const { initStd, patchEmbedStd } = model;
  return {
    [POSITIONS]: positionTable(encoder),
    ...initialise(encoderShapes(encoder), "encoder", { seed: run.seed, initStd, patchEmbedStd }),
  };
}

/** The settings that decided the weights, without those about writing checkpoints. */
function decisiveConfig({ run, ...groups }: PretrainConfig): object {
  const { batch, accumulate, seed } = run;
  return { ...groups, run: { batch, accumulate, seed } };
}

async function recordInputs(
  run: string,
  { decisive, record, checkpoint }: {
    readonly decisive: object;
    readonly record: RunRecord;
    readonly checkpoint: Checkpoint | undefined;
  },
): Promise<FileRecord[]> {
  const settings = canonicalJson({
    decisive,
    shards: record.shards,
    initFrom: record.initFrom?.sha256,
  });
  const inputs = [{ path: join(run, "config.json"), sha256: sha256(settings) }];
  if (checkpoint === undefined) return inputs;
  const state = join(checkpoint.path, "state.safetensors");
  return [...inputs, { path: state, sha256: await sha256File(state) }];
}

/** Fills the encoder directory, reads it back, checks the ONNX file. @returns the summary */
async function writeDirectory(directory: string, encoder: Encoder, { step, config, record }: {
  readonly step: number;
  readonly config: object;
  readonly record: RunRecord;
}): Promise<object> {
  const { shards, initFrom } = record;
  await writeEncoder(directory, encoder);
  const stored = await readEncoder(directory);
  await writeOnnx(directory, encoder);
  const check = await checkOnnx(directory, stored);
  const card = modelCard(stored, { version: VERSION, step, config, shards, initFrom }, check);
  await Deno.writeTextFile(join(directory, ENCODER_FILES.card), card);
  const difference = check.largestDifference.toExponential(2);
  say(`${encoder.network} encoder of step ${step}; ONNX differs by at most ${difference}`);
  return {
    encoder: encoder.network,
    step,
    sha256: await sha256File(join(directory, ENCODER_FILES.weights)),
    onnxLargestDifference: check.largestDifference,
  };
}

/** Exports one encoder of a run; see `lib/encoder` for the files. */
export async function checkpoint(
  options: CheckpointOptions,
  _context: Context,
): Promise<Outcome> {
  const { run, out, encoder: network, force } = options;
  const imageSize = options.imageSize === undefined ? undefined : parseImageSize(options.imageSize);
  await expectInput(run, "open the run", "give the directory that the pretrain stage has written");
  const record = await readRun(run);
  const { config } = record;
  const model = modelConfigOf(config);
  const chosen = await findCheckpoint(options, record);
  const step = chosen?.step ?? 0;
  const decisive = decisiveConfig(config);
  return await makeArtifact({
    stage: "checkpoint",
    version: VERSION,
    path: out,
    kind: "directory",
    config: { step, encoder: network, ...imageSize === undefined ? {} : { imageSize } },
    inputs: await recordInputs(run, { decisive, record, checkpoint: chosen }),
    force,
  }, async (directory) => {
    const weights = chosen === undefined
      ? initialWeights(model, config)
      : await readNetwork(chosen, model, PREFIXES[network]);
    const { mean, std } = config.data;
    const encoder: Encoder = {
      config: model.encoder,
      preprocessing: {
        ...resizeTo(imageSizeOf(config.data)),
        filter: "bicubic",
        mean,
        std,
      },
      weights,
      network,
      step,
    };
    const resized = imageSize === undefined ? encoder : encoderAt(encoder, imageSize);
    return await writeDirectory(directory, resized, { step, config: decisive, record });
  });
}

if (import.meta.main) await main(COMMAND, checkpoint);
