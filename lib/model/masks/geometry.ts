/** Checks of a mask configuration against a grid, and the bounds of its token counts. */
import { checkContextLimit, contextLimit, refuse } from "./checks.ts";
import { checkPartition, partitionBounds } from "./partition_geometry.ts";
import { checkContextReach } from "./reach.ts";
import { reachableSizes } from "./reachable.ts";
import { checkReference, referenceContextBounds } from "./reference_geometry.ts";
import {
  type BlockSize,
  formatSize,
  type Grid,
  type MaskConfig,
  type TokenBounds,
} from "./types.ts";

/** The token budget of a run before its first step, exact but for contexts of the `reference` sampler. */
export function maskTokenBounds(config: MaskConfig, grid: Grid): TokenBounds {
  if (config.strategy !== "multiblock") return partitionBounds(config, grid);
  const areas = reachableSizes(config, grid).targets.map(([rows, columns]) => rows * columns);
  const tokens = contextLimit(config, grid);
  return {
    contextTokens: config.sampler === "reference"
      ? referenceContextBounds(config, grid)
      : [tokens, tokens],
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

/**
 * Refuses masks that cannot work on a grid, before the first step, and names the value to change. The official sampler
 * loops forever on some of these.
 *
 * @throws {Failure} `usage`
 */
export function checkMaskGeometry(config: MaskConfig, grid: Grid): void {
  if (config.strategy !== "multiblock") return checkPartition(config, grid);
  const isReference = config.sampler === "reference";
  if (isReference && Math.min(...grid) < 2) {
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
  if (isReference) checkReference(config, grid);
  else checkContextReach(config, grid);
}
