/** The model card of an encoder directory. */
import { basename } from "node:path";
import { forMarkdown } from "../foreign_text.ts";
import { type EncoderConfig, gridOf } from "../model/config.ts";
import { sizeOf } from "../tensor.ts";
import type { OnnxCheck } from "./check.ts";
import { type Encoder, ENCODER_FILES } from "./directory.ts";

/** Where an encoder comes from. */
export interface Origin {
  /** The tool's version. */
  readonly version: string;
  readonly step: number;
  /** What decided the weights: values by group. */
  readonly config: object;
  readonly shards: {
    readonly manifestSha256: string;
    readonly split: string;
    readonly images: number;
  };
  /** The weights that training started from; absent: random ones. */
  readonly initFrom?: { readonly path: string; readonly sha256: string } | undefined;
}

const NETWORKS: Readonly<Record<string, string>> = {
  target: "target encoder (the moving average of the weights, which the paper evaluates)",
  context: "context encoder (the weights that the optimiser works on)",
};

/** @param rows Markdown */
function table(rows: readonly (readonly [string, string | number])[]): string {
  return ["| | |", "| --- | --- |", ...rows.map(([name, value]) => `| ${name} | ${value} |`)]
    .join("\n");
}

/** A hash as code. Of a record from elsewhere it may be any text. */
function hashText(hash: string): string {
  return /^[0-9a-f]+$/.test(hash) ? `\`${hash}\`` : forMarkdown(hash);
}

/** A description of an encoder's network. */
function networkText(network: string): string {
  return (Object.hasOwn(NETWORKS, network) ? NETWORKS[network] : undefined) ??
    `${forMarkdown(network)} encoder`;
}

/** JSON with lists of numbers on one line. */
function readableJson(value: object): string {
  return JSON.stringify(value, null, 2).replace(
    /\[\s+([^[\]{}]+?)\s+\]/g,
    (_, items: string) => `[${items.replace(/\s+/g, " ")}]`,
  );
}

function sizesTable(config: EncoderConfig, parameters: number): string {
  return table([
    ["input", `${config.imageSize.join(" x ")} pixels, RGB`],
    [
      "patches",
      `${gridOf(config).join(" x ")} of ${config.patchSize} x ${config.patchSize} pixels`,
    ],
    ["width, depth, heads", `${config.width}, ${config.depth}, ${config.heads}`],
    ["MLP width", config.mlpWidth],
    ...config.registers === undefined ? [] : [["registers", config.registers] as const],
    ["trained parameters", parameters.toLocaleString("en-US")],
  ]);
}

function preprocessingText({ preprocessing }: Encoder): string {
  const { resize, shorterSide, size, filter, mean, std } = preprocessing;
  const scaled = resize === "shorter-side"
    ? `the shorter side is scaled to ${shorterSide} pixels, the centre of ${
      size.join(" x ")
    } cut out`
    : `the image is scaled to ${size.join(" x ")} pixels`;
  return `RGB, ${scaled} (${filter}, antialiased), values from 0 to 1, minus the mean ` +
    `[${mean.join(", ")}], divided by [${
      std.join(", ")
    }]: the normalisation of the training run. ` +
    `\`preprocessor_config.json\` says the same.`;
}

/** How the weights are used from Python. */
function transformersText(registers: number | undefined): string {
  if (registers === undefined) {
    return `\`\`\`python
from transformers import AutoImageProcessor, IJepaModel

processor = AutoImageProcessor.from_pretrained("DIRECTORY")
model = IJepaModel.from_pretrained("DIRECTORY")
tokens = model(**processor(image, return_tensors="pt")).last_hidden_state  # after the final norm
embedding = tokens.mean(dim=1)
\`\`\``;
  }
  return `This encoder has ${registers} registers (arXiv 2309.16588): learned tokens without a position that every image
gets in front of its patches, and that no output has. \`IJepaModel\` of transformers knows none and refuses the weights;
the ONNX file works anywhere.`;
}

/** The name only: cards are published, and a full path reveals machine and user. */
function startText({ path, sha256 }: { readonly path: string; readonly sha256: string }): string {
  return `${forMarkdown(basename(path))}, ${hashText(sha256)}`;
}

/** The text of the model card, `README.md` of an encoder directory. Equal inputs give equal text. */
export function modelCard(encoder: Encoder, origin: Origin, check: OnnxCheck): string {
  const { config, weights, network } = encoder;
  const [rows, columns] = gridOf(config);
  const images = ["batch", 3, ...config.imageSize].join(", ");
  const tokens = ["batch", rows * columns, config.width].join(", ");
  const pooled = ["batch", config.width].join(", ");
  const parameters = Object.entries(weights).filter(([name]) => name !== "pos_embed")
    .reduce((sum, [, { shape }]) => sum + sizeOf(shape), 0);
  const { step, initFrom } = origin;
  const trained = step > 0
    ? `after ${step} steps`
    : initFrom === undefined
    ? "at random initialisation (step 0): a baseline, it has learned nothing"
    : "before its first step (step 0): the weights that it started from";
  return `---
license: unknown
library_name: ${config.registers === undefined ? "transformers" : "onnx"}
pipeline_tag: image-feature-extraction
tags:
- ijepa
- self-supervised-learning
- vision
- feature-extraction
---

# I-JEPA encoder, ${config.imageSize.join(" x ")}, ${config.width} x ${config.depth}

The ${networkText(network)} of an I-JEPA run, ${trained}. It turns an image into one
vector per patch; their mean describes the image. There is no class token and no classifier.

${sizesTable(config, parameters)}

## Use

${transformersText(config.registers)}

\`${ENCODER_FILES.onnx}\` takes \`pixel_values\` [${images}] and gives \`last_hidden_state\` [${tokens}]
and \`pooler_output\` [${pooled}], the mean over the tokens; for ONNX Runtime${
    config.registers === undefined
      ? ' and for transformers.js\n(`pipeline("image-feature-extraction", ...)` with `pool: true`)'
      : ""
  }.

Preprocessing: ${preprocessingText(encoder)}

## Origin

${
    table([
      ["encoder", forMarkdown(network)],
      ["step", origin.step],
      ["tool", `ijepa ${origin.version}`],
      ["training images", `${origin.shards.images}, split ${forMarkdown(origin.shards.split)}`],
      ["dataset manifest, SHA-256", hashText(origin.shards.manifestSha256)],
      ...initFrom === undefined ? [] : [["started from, SHA-256", startText(initFrom)] as const],
      ["ONNX check, largest difference", check.largestDifference.toExponential(2)],
    ])
  }

The ONNX check runs \`${ENCODER_FILES.onnx}\` in ONNX Runtime and \`${ENCODER_FILES.weights}\` in ${check.reference},
on ${check.images} random images, and takes the largest absolute difference over all values of both outputs.

Configuration of the run:

\`\`\`json
${readableJson(origin.config)}
\`\`\`
`;
}
