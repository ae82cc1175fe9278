/** The `full` sampler: multi-block masks without the official sampler's bias. */
import { RandomStream } from "../../random/mod.ts";
import { type Block, blockIndices, packMasks, type SampleMasks } from "./blocks.ts";
import { contextLimit, refuse } from "./checks.ts";
import { blockAt, coveredBy, freeAtPlaces, indexOf, place } from "./places.ts";
import { fullBlockSize, tokensIn } from "./sizes.ts";
import {
  type BlockSize,
  formatSize,
  type Grid,
  type MaskConfig,
  type MaskPosition,
  type Masks,
} from "./types.ts";

/** `checkMaskGeometry` requires that a twentieth of the draws succeed: so many failures in a row do not occur. */
const MOST_DRAWS = 10_000;

/** Block sizes of a step: the same for the whole batch, and independent of its length. */
function drawSizes(config: MaskConfig, { grid, at }: { grid: Grid; at: MaskPosition }) {
  const stream = new RandomStream({ seed: at.seed, purpose: "mask-size", step: at.step });
  const targetArea = tokensIn(stream.uniform(...config.targetScale), grid);
  const targetAspect = stream.uniform(...config.targetAspect);
  const contextArea = tokensIn(stream.uniform(...config.contextScale), grid);
  return {
    target: fullBlockSize(targetArea, targetAspect, grid),
    // The context has the aspect of the grid, so that a scale of 1 is the whole image, square or not.
    context: fullBlockSize(contextArea, grid[0] / grid[1], grid),
  };
}

/** The targets of an image, each on its own: they may overlap. */
export function drawTargets(
  { targetBlocks, targetPlacement }: MaskConfig,
  { grid, size, stream }: { grid: Grid; size: BlockSize; stream: RandomStream },
): Block[] {
  return Array.from(
    { length: targetBlocks },
    () => place(size, { grid, stream, placement: targetPlacement }),
  );
}

/**
 * Draws until a context is long enough; it may be longer. Keeps the targets if another place of the context block gives
 * a context long enough, uniformly among such places; if there is none, draws the targets again.
 */
function drawSample(
  config: MaskConfig,
  { grid, sizes, tokens, stream }: {
    grid: Grid;
    sizes: { readonly target: BlockSize; readonly context: BlockSize };
    tokens: number;
    stream: RandomStream;
  },
): SampleMasks {
  for (let draws = 1; draws <= MOST_DRAWS; draws++) {
    const targets = drawTargets(config, { grid, size: sizes.target, stream });
    const covered = coveredBy(targets, grid);
    const free = freeAtPlaces(sizes.context, covered, grid);
    let index = indexOf(place(sizes.context, { grid, stream }), grid);
    if (free[index]! < tokens) {
      const others = [...free.keys()].filter((other) => free[other]! >= tokens);
      if (others.length === 0) continue;
      index = others[stream.integer(others.length)]!;
    }
    const block = blockAt(index, sizes.context, grid);
    return {
      targets: targets.map((target) => blockIndices(target, grid)),
      context: blockIndices(block, grid).filter((patch) => covered[patch] === 0),
      relaxed: false,
      draws,
    };
  }
  return refuse(
    `${MOST_DRAWS} draws of targets (${config.targetBlocks} of ${
      formatSize(sizes.target)
    }) leave ` +
      `no context of ${tokens} tokens on the ${formatSize(grid)} grid, ` +
      "lower masks.contextKeepFraction, masks.targetScale or masks.targetBlocks",
  );
}

/** A uniformly random subset of `tokens` of the indices, ascending. A smaller subset is part of a larger one. */
export function keepSome(indices: Int32Array, tokens: number, stream: RandomStream): Int32Array {
  if (indices.length === tokens) return indices;
  return Int32Array.from(stream.permutation(indices.length).subarray(0, tokens), (i) => indices[i]!)
    .sort();
}

/**
 * Multi-block masks over the whole grid: scale and aspect are drawn separately, blocks reach every row and column, and
 * every context of a run has the same number of tokens and none of a target. An image's masks are a function of (seed,
 * step, its place in the batch), whatever the batch.
 *
 * @throws {Failure} `usage`: no context is long enough; `checkMaskGeometry` finds that before training
 */
export function sampleFullMasks(config: MaskConfig, grid: Grid, at: MaskPosition): Masks {
  const sizes = drawSizes(config, { grid, at });
  const tokens = contextLimit(config, grid);
  return packMasks(Array.from({ length: at.batch }, (_, sample) => {
    const stream = new RandomStream({ ...at, purpose: "mask-position", sample });
    const drawn = drawSample(config, { grid, sizes, tokens, stream });
    const dropping = new RandomStream({ ...at, purpose: "mask-drop", sample });
    return { ...drawn, context: keepSome(drawn.context, tokens, dropping) };
  }));
}
