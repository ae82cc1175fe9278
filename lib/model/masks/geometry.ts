import { Failure } from "../../failure.ts";
import { fullBlockSize, sampleFullMasks, tokensIn } from "./full.ts";
import { referenceBlockSize, sampleReferenceMasks } from "./reference.ts";
import { type BlockSize, formatSize, type Grid, type MaskConfig } from "./types.ts";

/** Fewest and most tokens that any step of a run can ask for. */
export interface TokenBounds {
  /** Tokens Kc of a context. */
  readonly contextTokens: readonly [least: number, most: number];
  /** Tokens Kt of one target block. */
  readonly targetTokens: readonly [least: number, most: number];
}

type Range = readonly [min: number, max: number];

/** Aspects at which a block of `area` changes its rounded size, within a range, and both its ends. */
function aspectBreaks(area: number, [min, max]: Range): number[] {
  const breaks = [min, max];
  for (let half = 0.5; half * half <= area * max; half++) breaks.push((half * half) / area);
  for (let half = 0.5; half * half <= area / min; half++) breaks.push(area / (half * half));
  return breaks.filter((aspect) => aspect >= min && aspect <= max).sort((a, b) => a - b);
}

/** A point on each break and one between each two neighbours. */
function probePoints(breaks: readonly number[]): number[] {
  return breaks.flatMap((at, i) => i === 0 ? [at] : [(breaks[i - 1]! + at) / 2, at]);
}

function areasOf(grid: Grid, scale: Range): number[] {
  const [least, most] = [tokensIn(scale[0], grid), tokensIn(scale[1], grid)];
  return Array.from({ length: most - least + 1 }, (_, i) => least + i);
}

function fullSizes(grid: Grid, scale: Range, aspect: Range): BlockSize[] {
  return areasOf(grid, scale).flatMap((area) =>
    probePoints(aspectBreaks(area, aspect)).map((at) => fullBlockSize(area, at, grid))
  );
}

/** One draw moves scale and aspect together, so the breaks of both are mapped back to the draw. */
function officialSizes(grid: Grid, scale: Range, aspect: Range): BlockSize[] {
  const drawOf = (value: number, [min, max]: Range) =>
    min === max ? 0 : (value - min) / (max - min);
  const tokens = grid[0] * grid[1];
  const draws = areasOf(grid, scale).flatMap((area) => [
    drawOf(area / tokens, scale),
    ...aspectBreaks(area, aspect).map((at) => drawOf(at, aspect)),
  ]);
  const inside = [0, 1 - 2 ** -24, ...draws.filter((draw) => draw > 0 && draw < 1)];
  return probePoints(inside.sort((a, b) => a - b)).map((draw) =>
    referenceBlockSize(draw, { grid, scale, aspect })
  );
}

function byArea([a, b]: BlockSize, [c, d]: BlockSize): number {
  return a * b - c * d;
}

/** Every block size that some step can draw, smallest first. */
export function reachableSizes(
  config: MaskConfig,
  grid: Grid,
): { readonly targets: readonly BlockSize[]; readonly contexts: readonly BlockSize[] } {
  const sizes = config.sampler === "reference" ? officialSizes : fullSizes;
  const square = config.sampler === "reference" ? 1 : grid[0] / grid[1];
  const distinct = (all: BlockSize[]) =>
    [...new Map(all.map((size) => [formatSize(size), size])).values()].sort(byArea);
  return {
    targets: distinct(sizes(grid, config.targetScale, config.targetAspect)),
    contexts: distinct(sizes(grid, config.contextScale, [square, square])),
  };
}

/** Tokens that stay in a context when all targets lie on each other, as far away from it as they can. */
function longestContext(config: MaskConfig, grid: Grid, sizes: readonly [BlockSize, BlockSize]) {
  const unused = config.sampler === "reference" ? 1 : 0;
  const [target, context] = sizes;
  const overlap = (axis: 0 | 1) =>
    Math.max(0, target[axis] + context[axis] - (grid[axis] - unused));
  return context[0] * context[1] - overlap(0) * overlap(1);
}

function limitOf(config: MaskConfig, grid: Grid): number {
  return config.sampler === "reference"
    ? grid[0] * grid[1]
    : tokensIn(config.contextKeepFraction ?? 1, grid);
}

/** The token budget of a run before its first step: memory is planned for the largest values. */
export function maskTokenBounds(config: MaskConfig, grid: Grid): TokenBounds {
  const { targets, contexts } = reachableSizes(config, grid);
  const areas = targets.map(([rows, columns]) => rows * columns);
  const limit = limitOf(config, grid);
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

function refuse(text: string): never {
  throw new Failure("usage", `Cannot place the masks: ${text}`);
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
  const limit = limitOf(config, grid);
  if (limit <= config.minKeep) {
    refuse(
      `masks.contextKeepFraction ${config.contextKeepFraction} keeps ${limit} of ` +
        `${grid[0] * grid[1]} tokens, but masks.minKeep wants more than ${config.minKeep}, ` +
        "raise masks.contextKeepFraction or lower masks.minKeep",
    );
  }
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
