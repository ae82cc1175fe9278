/** The sources of features: an encoder, two of them side by side, or the pixels themselves. */
import { type FileRecord, hashInput } from "../artifact/mod.ts";
import {
  type Encoder,
  encoderAt,
  readEncoder,
  readEncoderSettings,
  settingsAt,
} from "../encoder/mod.ts";
import { Failure } from "../failure.ts";
import { sha256 } from "../files/mod.ts";
import { MOST_WIDTH } from "../formats/arrow.ts";
import type { Preprocessing } from "../formats/huggingface.ts";
import { filesOfWeights, sha256OfWeights } from "../formats/safetensors.ts";
import { type EncoderConfig, gridOf } from "../model/config.ts";
import { leastSideOf, type Pooling } from "../model/pooling.ts";
import { createRuntime, type RuntimeOptions } from "../runtime/mod.ts";
import type { Embedder } from "./embedder.ts";
import { encoderEmbedder, featureWidth } from "./encoder_embedder.ts";
import { pixelEmbedder } from "./pixel_embedder.ts";
import { sideBySide } from "./side_by_side.ts";

/** Number of layers of each choice. */
const LAYERS = { last: 1, last4: 4 } as const;

/** Which outputs of encoders are used, and what runs them. */
export interface SourceOptions {
  readonly layers: keyof typeof LAYERS;
  readonly pool: Pooling;
  /** Height and width of images, pixels; absent: those of the encoder. */
  readonly imageSize?: readonly [height: number, width: number] | undefined;
  readonly runtime: string;
  readonly threads?: number | undefined;
}

/** A source of features. */
export interface Source {
  readonly inputs: readonly FileRecord[];
  /** Loads it, which may take long and much memory. */
  open(): Promise<{
    readonly embedder: Embedder;
    /** The part of the metadata that the source decides. */
    readonly metadata: Readonly<Record<string, string>>;
  }>;
}

function refuse(text: string): never {
  throw new Failure("usage", `Cannot make features: ${text}`);
}

/** Whether a path means pixels and no encoder. */
export function isPixels(path: string): boolean {
  return /^(pixels|grey)(:|$)/.test(path);
}

/**
 * The pseudo-encoders `pixels:N` and, for pictures without colours, `grey:N`.
 *
 * @throws {Failure} `usage`: no such side, or options that do not apply to it
 */
export function pixelSource(
  name: string,
  { layers, pool, imageSize }: Pick<SourceOptions, "layers" | "pool" | "imageSize">,
): Source {
  const kind = name.startsWith("grey") ? "grey" : "pixels";
  const side = Number(/^\w+:(\d+)$/.exec(name)?.[1]);
  if (!(side >= 1 && side <= 64)) {
    throw new Failure(
      "usage",
      `Cannot read the command line: --encoder ${kind}:N needs a side of 1 to 64 pixels, for example ` +
        `${kind}:8, got "${name}"`,
    );
  }
  if (layers !== "last") refuse(`${name} has no layers, leave --layers out`);
  if (pool !== "mean") refuse(`${name} has no tokens, leave --pool out`);
  if (imageSize !== undefined) refuse(`${name} says its size itself, leave --image-size out`);
  const hash = sha256(name);
  return {
    inputs: [{ path: name, sha256: hash }],
    open: () =>
      Promise.resolve({
        embedder: pixelEmbedder(side, kind),
        metadata: {
          "ijepa.encoder": kind,
          "ijepa.encoder_sha256": hash,
          "ijepa.layers": "none",
          "ijepa.pool": "none",
        },
      }),
  };
}

/** An encoder directory whose settings are read, without the weights. */
interface FoundEncoder {
  readonly directory: string;
  readonly inputs: readonly FileRecord[];
  readonly sha256: string;
  /** For the requested image size. */
  readonly config: EncoderConfig;
  readonly preprocessing: Preprocessing;
}

async function findEncoder(
  directory: string,
  { layers, pool, imageSize }: SourceOptions,
  say: (text: string) => void,
): Promise<FoundEncoder> {
  const settings = await readEncoderSettings(directory);
  const weights = await filesOfWeights(settings.weightsFile);
  const inputs: FileRecord[] = [];
  for (const path of [...settings.settingsFiles, ...weights]) {
    inputs.push(await hashInput(path, `open the encoder "${directory}"`));
  }
  const { config, preprocessing } = imageSize === undefined
    ? settings
    : settingsAt(settings, imageSize);
  if (config.depth < LAYERS[layers]) {
    refuse(
      `--layers ${layers} needs ${LAYERS[layers]} blocks, the encoder ` +
        `"${directory}" has ${config.depth}, use --layers last`,
    );
  }
  const grid = gridOf(config), least = leastSideOf(pool);
  if (Math.min(...grid) < least) {
    refuse(
      `--pool ${pool} needs at least ${least} rows and columns of patches, the encoder ` +
        `"${directory}" has ${grid.join("x")} on images of ${config.imageSize.join("x")} pixels, ` +
        "use --pool mean or a larger --image-size",
    );
  }
  if (settings.assumed !== undefined) say(settings.assumed);
  const sha256 = sha256OfWeights(inputs.slice(-weights.length));
  return { directory, inputs, sha256, config, preprocessing };
}

/** Fails unless two encoders have the same preprocessing. */
function expectSamePreprocessing(first: FoundEncoder, second: FoundEncoder): void {
  for (const key of ["resize", "shorterSide", "size", "filter", "mean", "std"] as const) {
    const [a, b] = [first, second].map(({ preprocessing }) => JSON.stringify(preprocessing[key]));
    if (a === b) continue;
    refuse(
      `the encoders "${first.directory}" and "${second.directory}" prepare images differently ` +
        `(${key} is ${a ?? "none"} and ${b ?? "none"}), give --beside an encoder of the same ` +
        "preprocessing, such as the other one of the run",
    );
  }
}

/** Fails on vectors that no probe takes. */
function expectWidth(found: readonly FoundEncoder[], { layers, pool }: SourceOptions): void {
  const width = found.reduce(
    (sum, { config }) => sum + featureWidth(config, { layers: LAYERS[layers], pooling: pool }),
    0,
  );
  if (width <= MOST_WIDTH) return;
  const ways = [
    ...pool === "mean" ? [] : ["a smaller --pool"],
    ...layers === "last" ? [] : ["--layers last"],
    ...found.length === 1 ? [] : ["one encoder"],
  ];
  refuse(
    `--pool ${pool} of ${gridOf(found[0]!.config).join("x")} patches makes vectors of ${width} ` +
      `values, wanted at most ${MOST_WIDTH}, which probes can take, ` +
      `use ${ways.length > 0 ? ways.join(" or ") : "a narrower encoder"}`,
  );
}

/**
 * Encoder directories: one, or two whose vectors are concatenated.
 *
 * @param options which outputs are used; `beside`: the second directory
 * @param say receives messages for the user
 * @throws {Failure} `missing`, `data`: no encoder there, or a damaged one; `usage`: too few layers or patches, vectors
 * beyond what probes take, or encoders that do not go together
 */
export async function encoderSource(
  directory: string,
  { beside, ...options }: SourceOptions & { readonly beside?: string | undefined },
  say: (text: string) => void,
): Promise<Source> {
  const first = await findEncoder(directory, options, say);
  const second = beside === undefined ? undefined : await findEncoder(beside, options, say);
  if (second !== undefined) expectSamePreprocessing(first, second);
  const { layers, pool, imageSize, threads } = options;
  const found = second === undefined ? [first] : [first, second];
  expectWidth(found, options);
  return {
    inputs: found.flatMap(({ inputs }) => inputs),
    async open() {
      const settings: RuntimeOptions = threads === undefined ? {} : { threads };
      const runtime = await createRuntime(options.runtime, settings);
      const prepare = async ({ directory, sha256 }: FoundEncoder) => {
        const stored = await readEncoder(directory);
        const encoder = imageSize === undefined ? stored : encoderAt(stored, imageSize);
        const taken = { runtime, layers: LAYERS[layers], pooling: pool };
        return { encoder, sha256, embedder: await encoderEmbedder(encoder, taken) };
      };
      const [own, other] = [await prepare(first), second && await prepare(second)];
      return {
        embedder: other ? sideBySide(own.embedder, other.embedder) : own.embedder,
        metadata: {
          ...originOf("ijepa.encoder", own),
          ...other && originOf("ijepa.beside", other),
          "ijepa.layers": layers,
          "ijepa.pool": pool,
        },
      };
    },
  };
}

/** Metadata about the encoder. @param key of the network's name; the others follow from it */
function originOf(
  key: "ijepa.encoder" | "ijepa.beside",
  { encoder: { network, step }, sha256 }: { readonly encoder: Encoder; readonly sha256: string },
): Record<string, string> {
  const stepKey = key === "ijepa.encoder" ? "ijepa.step" : `${key}_step`;
  return {
    [key]: network,
    [`${key}_sha256`]: sha256,
    ...(step === undefined ? {} : { [stepKey]: String(step) }),
  };
}
