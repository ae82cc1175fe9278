/** Encoder and shards → an Arrow file of embeddings. See `deno task features --help`. */
import { join } from "node:path";
import { makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  expectInput,
  main,
  type Options,
  printMessage,
  Progress,
  VERSION,
  withLateProgress,
} from "../lib/cli/mod.ts";
import { MANIFEST_FILE, openShards, verifyShards } from "../lib/data/mod.ts";
import { IMAGE_SIZE_FLAG, parseImageSize } from "../lib/encoder/mod.ts";
import { Failure } from "../lib/failure.ts";
import {
  encoderSource,
  extractFeatures,
  isPixels,
  pixelSource,
  type Source,
} from "../lib/features/mod.ts";
import { FeatureWriter, MOST_WIDTH } from "../lib/formats/arrow.ts";
import { POOLINGS } from "../lib/model/pooling.ts";
import { RUNTIME_FLAGS } from "../lib/runtime/mod.ts";

const FLAGS = {
  encoder: {
    type: "string",
    path: true,
    placeholder: "ENCODER",
    required: true,
    help:
      "directory that the checkpoint stage has written; or pixels:8 for the image at 8x8 pixels, grey:8 without colours",
  },
  beside: {
    type: "string",
    path: true,
    placeholder: "ENCODER",
    help: "a second encoder of the same preprocessing, whose vectors follow those of the first",
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
    choices: POOLINGS,
    help: "the mean over the tokens, means over 2x2 or 3x3 regions side by side, or all tokens",
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
    "deno task features --encoder encoder --shards shards --out regions.arrow --pool 2x2",
    "deno task features --encoder encoder --beside context --shards shards --out both.arrow",
    "deno task features --encoder pixels:8 --shards shards --out pixels.arrow",
  ],
  details:
    `Writes an Arrow IPC file with the columns key, path, the labels of the shards, and embedding
(FixedSizeList<float32>): the mean over the tokens after the final norm. The schema metadata name encoder, layers,
pooling, preprocessing and shards, with hashes. Images are prepared as preprocessor_config.json of the encoder says:
for our own, the shorter side is scaled to the encoder's input (bicubic) and the centre cut out.
--pool 2x2 keeps where in the image something is, at four times the width, and is often read better by probes; with
--layers last4 all of one layer stands before the next. Probes take at most ${MOST_WIDTH} values. --beside is for the
target and the context encoder of a run ("deno task checkpoint --encoder context"): each image is decoded once.
--image-size runs the encoder on images of another size than it was trained on.`,
} as const satisfies Command<typeof FLAGS>;

/** How the check of the shards is shown. */
const CHECKING = { stage: "features", label: "checking shards", unit: "MB", perUnit: 1e6 } as const;

const ENCODER_HINT = 'give a directory that "deno task checkpoint" has written';

/** The source of features by the flags. */
async function sourceOf(options: FeaturesOptions): Promise<Source> {
  const { encoder, beside, layers, pool, runtime, threads } = options;
  const imageSize = options.imageSize === undefined ? undefined : parseImageSize(options.imageSize);
  if (isPixels(encoder)) {
    if (beside !== undefined) {
      throw new Failure(
        "usage",
        `Cannot make features: ${encoder} is no encoder, leave --beside out`,
      );
    }
    return pixelSource(encoder, { layers, pool, imageSize });
  }
  const directories = beside === undefined ? [encoder] : [encoder, beside];
  for (const directory of directories) {
    await expectInput(directory, "open the encoder", ENCODER_HINT);
  }
  const chosen = { beside, layers, pool, imageSize, runtime, threads };
  return await encoderSource(encoder, chosen, (text) => printMessage("features", text));
}

/** Embeds the images of one split; see `lib/formats/arrow.ts` for the file. */
export async function features(options: FeaturesOptions, _context: Context): Promise<Outcome> {
  const { out, layers, pool, batch, runtime, force } = options;
  const source = await sourceOf(options);
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
      ...options.imageSize === undefined ? {} : { imageSize: parseImageSize(options.imageSize) },
    },
    inputs: [...source.inputs, manifest],
    force,
  }, async (temporary) => {
    await withLateProgress(CHECKING, (show) => verifyShards(shards, split.name, show));
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
      ...(metadata["ijepa.beside"] === undefined ? {} : { beside: metadata["ijepa.beside"] }),
      layers: metadata["ijepa.layers"],
      pool: metadata["ijepa.pool"],
      imagesPerSecond: Number((split.length / seconds).toPrecision(4)),
    };
  });
}

if (import.meta.main) await main(COMMAND, features);
