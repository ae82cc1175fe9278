/** Encoder and shards → an Arrow file of embeddings. See `deno task features --help`. */
import { join } from "node:path";
import { type FileRecord, hashInput, makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  expectInput,
  main,
  type Options,
  printMessage,
  Progress,
  VERSION,
} from "../lib/cli/mod.ts";
import { MANIFEST_FILE, openShards, type Shards, verifyShards } from "../lib/data/mod.ts";
import {
  encoderAt,
  IMAGE_SIZE_FLAG,
  parseImageSize,
  readEncoder,
  readEncoderSettings,
  settingsAt,
} from "../lib/encoder/mod.ts";
import { Failure } from "../lib/failure.ts";
import {
  type Embedder,
  encoderEmbedder,
  extractFeatures,
  pixelEmbedder,
} from "../lib/features/mod.ts";
import { sha256 } from "../lib/files/mod.ts";
import { FeatureWriter } from "../lib/formats/arrow.ts";
import { filesOfWeights, sha256OfWeights } from "../lib/formats/safetensors.ts";
import { createRuntime, RUNTIME_FLAGS } from "../lib/runtime/mod.ts";

const FLAGS = {
  encoder: {
    type: "string",
    path: true,
    placeholder: "ENCODER",
    required: true,
    help:
      "directory that the checkpoint stage has written, or pixels:8 for the image at 8x8 pixels",
  },
  shards: {
    type: "string",
    path: true,
    placeholder: "SHARDS",
    required: true,
    help: "directory that the shard stage has written",
  },
  out: {
    type: "string",
    path: true,
    placeholder: "FEATURES",
    required: true,
    help: "Arrow file to make, for example train.arrow",
  },
  split: {
    type: "string",
    placeholder: "NAME",
    default: "train",
    help: "which images of the shards",
  },
  layers: {
    type: "string",
    placeholder: "NAME",
    default: "last",
    choices: ["last", "last4"],
    help: "the last layer, or the last four side by side (four times the width)",
  },
  pool: {
    type: "string",
    placeholder: "NAME",
    default: "mean",
    choices: ["mean"],
    help: "how the tokens of an image become one vector",
  },
  imageSize: IMAGE_SIZE_FLAG,
  batch: {
    type: "integer",
    placeholder: "N",
    default: 64,
    min: 1,
    max: 65_536,
    help: "images that are encoded at once; decides speed and memory only",
  },
  ...RUNTIME_FLAGS,
  force: { type: "boolean", help: "replace features that were made from something else" },
} as const;

type FeaturesOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "features",
  summary: "runs an encoder over the images of a split and keeps one vector per image",
  flags: FLAGS,
  examples: [
    "deno task features --encoder encoder --shards shards --out train.arrow",
    "deno task features --encoder encoder --shards shards --split test --out test.arrow",
    "deno task features --encoder pixels:8 --shards shards --out pixels.arrow",
  ],
  details:
    `Writes an Arrow IPC file with the columns key, path, the labels of the shards, and embedding
(FixedSizeList<float32>): the mean over the tokens after the final norm. The schema metadata name encoder, layers,
preprocessing and shards with their hashes. Images are prepared as preprocessor_config.json of the encoder says:
for our own, the shorter side is scaled to the encoder's input (bicubic) and the centre cut out.
--image-size runs the encoder on images of another size than it was trained on.`,
} as const satisfies Command<typeof FLAGS>;

const LAYERS = { last: 1, last4: 4 } as const;

/** Checks that are over sooner are not worth a line. */
const QUIET_MILLISECONDS = 2000;

const ENCODER_HINT = 'give a directory that "deno task checkpoint" has written';

/** What the features come from. */
interface Source {
  readonly inputs: readonly FileRecord[];
  /** Makes it ready, which may take long and much memory. */
  open(): Promise<{
    readonly embedder: Embedder;
    /** The part of the metadata that the source decides. */
    readonly metadata: Readonly<Record<string, string>>;
  }>;
}

function refuse(text: string): never {
  throw new Failure("usage", `Cannot make features: ${text}`);
}

/** The pseudo-encoder `pixels:N`, when that is asked for. */
function pixelSource({ encoder, layers, imageSize }: FeaturesOptions): Source | undefined {
  if (!/^pixels(:|$)/.test(encoder)) return undefined;
  const side = Number(/^pixels:(\d+)$/.exec(encoder)?.[1]);
  if (!(side >= 1 && side <= 64)) {
    throw new Failure(
      "usage",
      `Cannot read the command line: --encoder pixels:N needs a side of 1 to 64 pixels, for example ` +
        `pixels:8, got "${encoder}"`,
    );
  }
  if (layers !== "last") refuse(`${encoder} has no layers, leave --layers out`);
  if (imageSize !== undefined) refuse(`${encoder} says its size itself, leave --image-size out`);
  const hash = sha256(encoder);
  return {
    inputs: [{ path: encoder, sha256: hash }],
    open: () =>
      Promise.resolve({
        embedder: pixelEmbedder(side),
        metadata: {
          "ijepa.encoder": "pixels",
          "ijepa.encoder_sha256": hash,
          "ijepa.layers": "none",
          "ijepa.pool": "none",
        },
      }),
  };
}

/** An encoder directory. */
async function encoderSource(
  options: FeaturesOptions,
  imageSize: readonly [height: number, width: number] | undefined,
): Promise<Source> {
  const { encoder: directory, layers, pool, threads } = options;
  await expectInput(directory, "open the encoder", ENCODER_HINT);
  const settings = await readEncoderSettings(directory);
  const weights = await filesOfWeights(settings.weightsFile);
  const inputs: FileRecord[] = [];
  for (const path of [...settings.settingsFiles, ...weights]) {
    inputs.push(await hashInput(path, `open the encoder "${directory}"`));
  }
  const encoderSha256 = sha256OfWeights(inputs.slice(-weights.length));
  const { config } = imageSize === undefined ? settings : settingsAt(settings, imageSize);
  if (config.depth < LAYERS[layers]) {
    refuse(
      `--layers ${layers} needs ${LAYERS[layers]} blocks, the encoder ` +
        `"${directory}" has ${config.depth}, use --layers last`,
    );
  }
  if (settings.assumed !== undefined) printMessage("features", settings.assumed);
  return {
    inputs,
    async open() {
      const stored = await readEncoder(directory);
      const encoder = imageSize === undefined ? stored : encoderAt(stored, imageSize);
      const runtime = await createRuntime(
        options.runtime,
        threads === undefined ? {} : { threads },
      );
      return {
        embedder: await encoderEmbedder(encoder, { runtime, layers: LAYERS[layers] }),
        metadata: {
          "ijepa.encoder": encoder.network,
          "ijepa.encoder_sha256": encoderSha256,
          ...(encoder.step === undefined ? {} : { "ijepa.step": String(encoder.step) }),
          "ijepa.layers": layers,
          "ijepa.pool": pool,
        },
      };
    },
  };
}

/** Compares the tar files with their hashes; shows progress only when that takes a while. */
async function verify(shards: Shards, split: string): Promise<void> {
  const started = performance.now();
  let progress: Progress | undefined;
  await verifyShards(shards, split, (done, all) => {
    if (performance.now() - started < QUIET_MILLISECONDS) return;
    const total = Math.ceil(all / 1e6);
    progress ??= new Progress({ stage: "features", label: "checking shards", total, unit: "MB" });
    progress.update(Math.floor(done / 1e6));
  });
  progress?.close();
}

/** Embeds the images of one split; see `lib/formats/arrow.ts` for the file. */
export async function features(options: FeaturesOptions, _context: Context): Promise<Outcome> {
  const { out, layers, pool, batch, runtime, force } = options;
  const imageSize = options.imageSize === undefined ? undefined : parseImageSize(options.imageSize);
  const source = pixelSource(options) ?? await encoderSource(options, imageSize);
  const shards = await openShards(options.shards);
  await using split = shards.split(options.split);
  const manifest = { path: join(options.shards, MANIFEST_FILE), sha256: shards.manifestSha256 };
  return await makeArtifact({
    stage: "features",
    version: VERSION,
    path: out,
    kind: "file",
    config: {
      split: split.name,
      layers,
      pool,
      runtime,
      ...imageSize === undefined ? {} : { imageSize },
    },
    inputs: [...source.inputs, manifest],
    force,
  }, async (temporary) => {
    await verify(shards, split.name);
    const { embedder, metadata } = await source.open();
    using _embedder = embedder;
    printMessage("features", embedder.description);
    const { labels, splits } = shards.manifest;
    const hashes = splits[split.name]!.shards.map(({ file, sha256 }) => [file, sha256]);
    await using writer = await FeatureWriter.open(temporary, {
      width: embedder.width,
      labels,
      metadata: {
        ...metadata,
        "ijepa.preprocessing": JSON.stringify(embedder.preprocessing),
        "ijepa.shards": JSON.stringify(Object.fromEntries(hashes)),
        "ijepa.manifest_sha256": shards.manifestSha256,
        "ijepa.split": split.name,
        "ijepa.rows": String(split.length),
        "ijepa.runtime": embedder.description,
        "ijepa.version": VERSION,
      },
    });
    const started = performance.now();
    const progress = new Progress({
      stage: "features",
      label: "embedding",
      total: split.length,
      unit: "images",
    });
    await extractFeatures(split, {
      embedder,
      writer,
      labels,
      batch,
      onProgress: (done) => progress.update(done),
    });
    progress.close();
    await writer.close();
    const seconds = (performance.now() - started) / 1000;
    return {
      images: split.length,
      split: split.name,
      width: embedder.width,
      encoder: metadata["ijepa.encoder"],
      layers: metadata["ijepa.layers"],
      imagesPerSecond: Number((split.length / seconds).toPrecision(4)),
    };
  });
}

if (import.meta.main) await main(COMMAND, features);
