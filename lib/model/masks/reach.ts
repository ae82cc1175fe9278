/** Whether contexts of the configured length can be drawn often enough. */
import { RandomStream } from "../../random/mod.ts";
import { contextLimit, refuse } from "./checks.ts";
import { drawTargets } from "./full.ts";
import { coveredBy, freeAtPlaces } from "./places.ts";
import { reachableSizes } from "./reachable.ts";
import { fractionOf } from "./sizes.ts";
import { type BlockSize, formatSize, type Grid, type MaskConfig } from "./types.ts";

/** Trial draws of targets, and how many must leave room for a context: a twentieth. */
const TRIALS = 200, LEAST = 10;

/** Sizes that no other covers in both directions, since these leave least room; largest first. */
function largest(sizes: readonly BlockSize[]): BlockSize[] {
  let widest = 0; // Of all sizes as high or higher.
  return sizes.toSorted(([a, b], [c, d]) => c - a || d - b).filter(([, columns]) => {
    const isWider = columns > widest;
    widest = Math.max(widest, columns);
    return isWider;
  }).sort(([a, b], [c, d]) => c * d - a * b);
}

/** For each draw of targets, the most tokens that it leaves to a context block at any place. */
function* roomsBeside(
  target: BlockSize,
  { config, grid, context }: {
    readonly config: MaskConfig;
    readonly grid: Grid;
    readonly context: BlockSize;
  },
): Generator<number> {
  const stream = new RandomStream({ seed: 0, purpose: "mask-trials" });
  for (let trial = 0; trial < TRIALS; trial++) {
    const covered = coveredBy(drawTargets(config, { grid, size: target, stream }), grid);
    yield freeAtPlaces(context, covered, grid).reduce((most, free) => Math.max(most, free));
  }
}

/** The longest context, up to `tokens`, that is reached often enough; usually a few draws decide. */
function reachOf(rooms: Iterable<number>, tokens: number): number {
  const seen: number[] = [];
  let reached = 0;
  for (const room of rooms) {
    if (room >= tokens && ++reached === LEAST) return tokens;
    seen.push(room);
  }
  return seen.sort((a, b) => b - a)[LEAST - 1]!;
}

/**
 * Refuses contexts that some block sizes reach in fewer than a twentieth of the draws, since a step would take too
 * long. Names the longest contexts that work.
 *
 * @throws {Failure} `usage`
 */
export function checkContextReach(config: MaskConfig, grid: Grid): void {
  const tokens = contextLimit(config, grid);
  const { targets, contexts } = reachableSizes(config, grid);
  const context = contexts[0]!; // All have the shape of the grid, so each place of the smallest is inside one of any other.
  let longest = tokens, worst: BlockSize | undefined;
  for (const target of largest(targets)) {
    const reach = reachOf(roomsBeside(target, { config, grid, context }), longest);
    if (reach < longest) [longest, worst] = [reach, target];
  }
  if (worst === undefined) return;
  const { targetBlocks, minKeep, contextKeepFraction } = config;
  const lower = longest > minKeep
    ? `set masks.contextKeepFraction to at most ${fractionOf(longest, grid)}, or `
    : "";
  const raise = context[0] < grid[0] || context[1] < grid[1] ? ", or raise masks.contextScale" : "";
  refuse(
    `contexts of ${tokens} tokens (masks.contextKeepFraction ${contextKeepFraction}) are too long on ` +
      `the ${formatSize(grid)} grid: fewer than 5 % of the draws of targets (${targetBlocks} of ` +
      `${formatSize(worst)}) leave more than ${longest} tokens of the ` +
      `${
        formatSize(context)
      } context block, ${lower}lower masks.targetScale or masks.targetBlocks${raise}`,
  );
}
