import { checkContextLimit, contextLimit, refuse } from "./checks.ts";
import { sampleFullMasks } from "./full.ts";
import { checkPartition, partitionBounds } from "./partition_geometry.ts";
import { reachableSizes } from "./reachable.ts";
import { sampleReferenceMasks } from "./reference.ts";
import {
  type BlockSize,
  formatSize,
  type Grid,
  type MaskConfig,
  type TokenBounds,
} from "./types.ts";

/** Tokens that stay in a context when all targets lie on each other, as far away from it as they can. */
function longestContext(config: MaskConfig, grid: Grid, sizes: readonly [BlockSize, BlockSize]) {
  const unused = config.sampler === "reference" ? 1 : 0;
  const [target, context] = sizes;
  const overlap = (axis: 0 | 1) =>
    Math.max(0, target[axis] + context[axis] - (grid[axis] - unused));
  return context[0] * context[1] - overlap(0) * overlap(1);
}

/** The token budget of a run before its first step: memory is planned for the largest values. */
export function maskTokenBounds(config: MaskConfig, grid: Grid): TokenBounds {
  if (config.strategy !== "multiblock") return partitionBounds(config, grid);
  const { targets, contexts } = reachableSizes(config, grid);
  const areas = targets.map(([rows, columns]) => rows * columns);
  const limit = contextLimit(config, grid);
  const shortestBlock = contexts[0]![0] * contexts[0]![1];
  const disjoint = shortestBlock - config.targetBlocks * areas.at(-1)!;
  // Contexts that may have to overlap targets can be as large as their block.
  const longest = disjoint > config.minKeep
    ? targets.flatMap((target) =>
      contexts.map((context) => longestContext(config, grid, [target, context]))
    )
    : contexts.map(([rows, columns]) => rows * columns);
  return {
    contextTokens: [
      Math.min(limit, Math.max(config.minKeep + 1, disjoint)),
      Math.min(limit, Math.max(...longest)),
    ],
    targetTokens: [areas[0]!, areas.at(-1)!],
  };
}

function checkBlock(
  config: MaskConfig,
  grid: Grid,
  block: { readonly name: "target" | "context"; readonly smallest: BlockSize },
): void {
  const tokens = block.smallest[0] * block.smallest[1];
  if (tokens > config.minKeep) return;
  const scale = `masks.${block.name}Scale`;
  const range = JSON.stringify(block.name === "target" ? config.targetScale : config.contextScale);
  const lower = tokens > 0 ? `set masks.minKeep to at most ${tokens - 1}, or ` : "";
  refuse(
    `masks.minKeep ${config.minKeep} wants more than ${config.minKeep} tokens, but on the ` +
      `${formatSize(grid)} grid a ${block.name} block of ${scale} ${range} can be ` +
      `${formatSize(block.smallest)} = ${tokens}, ${lower}raise ${scale} or data.imageSize`,
  );
}

/** Fraction of trial images whose context had to overlap a target. */
function relaxedFraction(config: MaskConfig, grid: Grid): number {
  const [steps, batch] = [16, 8];
  const sample = config.sampler === "reference" ? sampleReferenceMasks : sampleFullMasks;
  let relaxed = 0;
  for (let step = 0; step < steps; step++) {
    relaxed += sample(config, grid, { seed: 0, step, batch }).relaxedSamples;
  }
  return relaxed / (steps * batch);
}

/**
 * Refuses masks that cannot work on a grid, before the first step, and names the value to change. The official sampler
 * loops forever on some of these.
 *
 * @throws {Failure} `usage`
 */
export function checkMaskGeometry(config: MaskConfig, grid: Grid): void {
  if (config.strategy !== "multiblock") return checkPartition(config, grid);
  if (config.sampler === "reference" && Math.min(...grid) < 2) {
    refuse(
      `the reference sampler wants at least 2 rows and 2 columns of patches, got ${
        formatSize(grid)
      }, ` + "set masks.sampler to full, or raise data.imageSize",
    );
  }
  const { targets, contexts } = reachableSizes(config, grid);
  checkBlock(config, grid, { name: "target", smallest: targets[0]! });
  checkBlock(config, grid, { name: "context", smallest: contexts[0]! });
  checkContextLimit(config, grid);
  for (const target of targets) {
    for (const context of contexts) {
      const tokens = longestContext(config, grid, [target, context]);
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
