/** Checks that the sizes of a configuration fit each other. */
import { Failure } from "../failure.ts";
import { batchBytes, MOST_BATCH_BYTES, MOST_PATCHES } from "../model/limits.ts";
import { trainedShapes, valuesIn } from "../model/parameters.ts";
import { nearestDivisors, nearestMultiples } from "../nearest.ts";
import { MOST_PARAMETERS } from "./limits.ts";
import { imageSizeOf, modelConfigOf, type PretrainConfig } from "./settings.ts";

function refuse(text: string): never {
  throw new Failure("usage", `Cannot build the model: ${text}`);
}

function checkPatches(config: PretrainConfig): void {
  const patch = config.model.patchSize;
  for (const pixels of imageSizeOf(config.data)) {
    if (pixels % patch === 0) continue;
    refuse(
      `data.imageSize ${pixels} is no multiple of model.patchSize ${patch}, ` +
        `set data.imageSize to ${nearestMultiples(pixels, patch)}, or change model.patchSize`,
    );
  }
  const [height, width] = imageSizeOf(config.data);
  const patches = (height / patch) * (width / patch);
  if (patches > MOST_PATCHES) {
    refuse(
      `data.imageSize ${height}x${width} with model.patchSize ${patch} makes ${patches} patches ` +
        `per image, wanted at most ${MOST_PATCHES}, raise model.patchSize or lower data.imageSize`,
    );
  }
}

function checkWidth(
  names: { readonly width: string; readonly heads: string },
  { width, heads }: { readonly width: number; readonly heads: number },
): void {
  if (width % 4 !== 0) {
    refuse(
      `${names.width} ${width} is no multiple of 4, which position tables need, ` +
        `set it to ${nearestMultiples(width, 4)}`,
    );
  }
  if (width % heads !== 0) {
    refuse(
      `${names.width} ${width} is no multiple of ${names.heads} ${heads}, ` +
        `set ${names.heads} to ${nearestDivisors(width, heads)}`,
    );
  }
}

/** `12.5 GB`, `4.3 billion`: a size against its limit, in thousands of millions. */
function billions(size: number): number {
  return Number((size / 1e9).toPrecision(3));
}

function checkSizes(config: PretrainConfig): void {
  const parameters = valuesIn(trainedShapes(modelConfigOf(config)));
  if (parameters > MOST_PARAMETERS) {
    refuse(
      `it would have ${billions(parameters)} billion parameters, wanted at most ` +
        `${billions(MOST_PARAMETERS)}, lower model.width, model.depth or the predictor's`,
    );
  }
  const size = imageSizeOf(config.data), { batch } = config.run;
  const bytes = batchBytes(batch, size);
  if (bytes > MOST_BATCH_BYTES) {
    refuse(
      `run.batch ${batch} images of ${size.join("x")} take ${billions(bytes)} GB, wanted at most ` +
        `${billions(MOST_BATCH_BYTES)}, lower run.batch or data.imageSize`,
    );
  }
}

function checkObjective({ objective, run: { batch } }: PretrainConfig): void {
  const { targets, targetMasking, regularizer } = objective;
  if (regularizer !== "none" && batch < 2) {
    refuse(
      `objective.regularizer "${regularizer}" compares the images of a batch, wanted a run.batch of at least 2, ` +
        `got ${batch}, raise it or set objective.regularizer to "none"`,
    );
  }
  if (targets !== "pixels" || targetMasking === "output") return;
  refuse(
    'objective.targetMasking "input" hides patches from the target encoder, but objective.targets "pixels" ' +
      "takes nothing from it, leave one of the two out",
  );
}

function checkParts({ run: { batch, accumulate } }: PretrainConfig): void {
  if (batch % accumulate === 0) return;
  throw new Failure(
    "usage",
    `Cannot part the batch: run.batch ${batch} is no multiple of run.accumulate ${accumulate}, ` +
      `set --accumulate to ${nearestDivisors(batch, accumulate)}`,
  );
}

/**
 * Refuses sizes that do not fit each other, before anything is built, and names the value to change. Masks have a check
 * of their own, `checkMaskGeometry`.
 *
 * @throws {Failure} `usage`
 */
export function checkGeometry(config: PretrainConfig): void {
  checkPatches(config);
  const { encoder, predictor } = modelConfigOf(config);
  checkWidth({ width: "model.width", heads: "model.heads" }, encoder);
  checkWidth({ width: "model.predictorWidth", heads: "model.predictorHeads" }, predictor);
  if (encoder.mlpWidth < 1) {
    refuse(`model.mlpRatio ${config.model.mlpRatio} leaves no MLP, raise it, 4 is usual`);
  }
  checkSizes(config);
  checkObjective(config);
  checkParts(config);
}
