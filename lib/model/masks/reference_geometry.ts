/** Checks and token bounds of the `reference` sampler. */
import { refuse } from "./checks.ts";
import { reachableSizes } from "./reachable.ts";
import { sampleReferenceMasks } from "./reference.ts";
import { type BlockSize, formatSize, type Grid, type MaskConfig } from "./types.ts";

/** Tokens left in a context when all targets coincide, as far from it as possible. */
function longestContext(target: BlockSize, context: BlockSize, grid: Grid): number {
  // The last row and column are never used.
  const overlap = (axis: 0 | 1) => Math.max(0, target[axis] + context[axis] - (grid[axis] - 1));
  return context[0] * context[1] - overlap(0) * overlap(1);
}

/** Fewest and most tokens that a context of the `reference` sampler can have. */
export function referenceContextBounds(
  config: MaskConfig,
  grid: Grid,
): readonly [least: number, most: number] {
  const { targets, contexts } = reachableSizes(config, grid);
  const areas = targets.map(([rows, columns]) => rows * columns);
  const disjoint = contexts[0]![0] * contexts[0]![1] - config.targetBlocks * areas.at(-1)!;
  // Contexts that may have to overlap targets can be as large as their block.
  const longest = disjoint > config.minKeep
    ? targets.flatMap((target) => contexts.map((context) => longestContext(target, context, grid)))
    : contexts.map(([rows, columns]) => rows * columns);
  return [Math.max(config.minKeep + 1, disjoint), Math.max(...longest)];
}

/** Fraction of trial images whose context had to overlap a target. */
function relaxedFraction(config: MaskConfig, grid: Grid): number {
  const [steps, batch] = [16, 8];
  let relaxed = 0;
  for (let step = 0; step < steps; step++) {
    relaxed += sampleReferenceMasks(config, grid, { seed: 0, step, batch }).relaxedSamples;
  }
  return relaxed / (steps * batch);
}

/**
 * Refuses settings on which the official sampler would loop forever, or could only overlap context and targets.
 *
 * @throws {Failure} `usage`
 */
export function checkReference(config: MaskConfig, grid: Grid): void {
  if (config.targetPlacement !== "uniform") {
    refuse(
      `masks.sampler reference places targets as the official collator does, but ` +
        `masks.targetPlacement is ${config.targetPlacement}, leave one of the two out`,
    );
  }
  const { targets, contexts } = reachableSizes(config, grid);
  for (const target of targets) {
    for (const context of contexts) {
      const tokens = longestContext(target, context, grid);
      if (tokens > config.minKeep) continue;
      refuse(
        `a target of ${formatSize(target)} leaves at most ${tokens} tokens of a ` +
          `${formatSize(context)} context on the ${formatSize(grid)} grid, but masks.minKeep ` +
          `wants more than ${config.minKeep}, lower masks.targetScale or raise masks.contextScale`,
      );
    }
  }
  const relaxed = relaxedFraction(config, grid);
  if (relaxed > 0.5) {
    refuse(
      `${config.targetBlocks} targets leave too few tokens for a context in ` +
        `${Math.round(100 * relaxed)} % of trial images on the ${formatSize(grid)} grid, ` +
        "lower masks.targetBlocks, masks.targetScale or masks.minKeep",
    );
  }
}
