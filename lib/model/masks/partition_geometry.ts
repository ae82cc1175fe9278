/** Checks and token bounds of the strategies that partition the image. */
import { checkContextLimit, contextLimit, refuse } from "./checks.ts";
import { fullBlockSize, tokensIn } from "./sizes.ts";
import { fittingAspects, STRATEGY_SETTINGS } from "./partitions.ts";
import { areasOf, aspectBreaks, probePoints } from "./reachable.ts";
import { formatSize, type Grid, type MaskConfig, type TokenBounds } from "./types.ts";

/** Every number of tokens that a target can have. */
function targetCounts({ strategy, targetScale, targetAspect }: MaskConfig, grid: Grid): number[] {
  if (strategy === "rasterized") return [(grid[0] / 2) * (grid[1] / 2)];
  if (strategy === "random") return targetScale.map((scale) => tokensIn(scale, grid));
  return areasOf(grid, targetScale).flatMap((area) =>
    probePoints(aspectBreaks(area, fittingAspects(area, targetAspect, grid), grid)).map(
      (aspect) => {
        const [rows, columns] = fullBlockSize(area, aspect, grid);
        return rows * columns;
      },
    )
  );
}

/** The token budget of partitions: what the targets leave is context. */
export function partitionBounds(config: MaskConfig, grid: Grid): TokenBounds {
  const counts = targetCounts(config, grid);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const [limit, tokens] = [contextLimit(config, grid), grid[0] * grid[1]];
  const context = (target: number) => Math.min(limit, tokens - config.targetBlocks * target);
  return { contextTokens: [context(most), context(least)], targetTokens: [least, most] };
}

/** Refuses settings that a strategy would silently ignore. */
function checkFixed(config: MaskConfig): void {
  const { values, fixed } = STRATEGY_SETTINGS[config.strategy];
  for (const key of fixed) {
    const [wanted, found] = [JSON.stringify(values[key]), JSON.stringify(config[key])];
    if (wanted === found) continue;
    refuse(
      `masks.strategy ${config.strategy} wants masks.${key} ${wanted}, got ${found}, ` +
        "leave it out or choose another strategy",
    );
  }
}

/**
 * Refuses partitions that cannot work on a grid, and names the value to change.
 *
 * @throws {Failure} `usage`
 */
export function checkPartition(config: MaskConfig, grid: Grid): void {
  const { strategy, minKeep } = config;
  if (config.sampler === "reference") {
    refuse(
      `masks.sampler reference repeats the official collator, which has no ${strategy} masks, ` +
        "set masks.sampler to full or masks.strategy to multiblock",
    );
  }
  checkFixed(config);
  if (strategy === "rasterized" && grid.some((side) => side % 2 !== 0)) {
    refuse(
      "rasterized masks want four equal quadrants, so an even number of rows and columns of " +
        `patches, got ${formatSize(grid)}, change data.imageSize or model.patchSize`,
    );
  }
  checkContextLimit(config, grid);
  const { targetTokens: [target], contextTokens: [context] } = partitionBounds(config, grid);
  for (const [name, tokens] of [["target", target], ["context", context]] as const) {
    if (tokens > minKeep) continue;
    const lower = tokens > 0 ? `set masks.minKeep to at most ${tokens - 1}, or ` : "";
    const change = strategy === "rasterized"
      ? "raise data.imageSize"
      : `${name === "target" ? "raise" : "lower"} masks.targetScale or raise data.imageSize`;
    refuse(
      `masks.minKeep ${minKeep} wants more than ${minKeep} tokens, but on the ` +
        `${formatSize(grid)} grid the ${name} of ${strategy} masks can have ${tokens}, ` +
        lower + change,
    );
  }
}
