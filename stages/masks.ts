/** Configuration → a page about its masks. See `deno task masks --help`. */
import { makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  main,
  type Options,
  Progress,
  readInput,
  VERSION,
} from "../lib/cli/mod.ts";
import { gridOf } from "../lib/model/config.ts";
import {
  type MaskCoverage,
  MaskTally,
  maskTokenBounds,
  meanTokens,
  sampleMasks,
  type TokenShare,
} from "../lib/model/masks.ts";
import { masksPage } from "../lib/pages/masks_page.ts";
import {
  CONFIG_FLAGS,
  DEFAULT_PRESET,
  modelConfigOf,
  resolveConfig,
  type ResolvedConfig,
} from "../lib/config/mod.ts";

const FLAGS = {
  out: {
    type: "string",
    path: true,
    placeholder: "FILE.html",
    required: true,
    help: "page to write",
  },
  ...CONFIG_FLAGS,
  steps: {
    type: "integer",
    placeholder: "N",
    default: 100,
    min: 1,
    max: 1_000_000,
    help: "steps to sample, from step 0",
  },
  force: { type: "boolean", help: "replace a page about other masks" },
} as const;

type MasksOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "masks",
  summary: "shows which patches a configuration makes context and targets, before any training",
  flags: FLAGS,
  examples: [
    "deno task masks --out masks.html",
    "deno task masks --out block.html --preset vitxs8-96 --set masks.strategy=block",
    "deno task masks --out small.html --preset vitxs8-64 --batch 16 --steps 1000",
  ],
  details:
    `Writes one HTML file without scripts: example masks, heat maps of how often each patch is context or
target, histograms of token counts, the largest counts that memory must hold. Takes the configuration of pretrain;
masks.strategy is one of multiblock (the method), rasterized, block, random (the paper's comparisons). The masks are
those that pretrain draws in its first steps with the same configuration and seed; those of an image do not depend on
the batch, unless masks.sampler is reference. Targets are drawn again until what they leave is enough for a context of
masks.contextKeepFraction: drawsPerImage says how often. masks.targetPlacement=even gives borders the share of the
middle.`,
} as const satisfies Command<typeof FLAGS>;

async function readConfig(options: MasksOptions): Promise<ResolvedConfig> {
  const { preset = DEFAULT_PRESET, set: sets, batch, seed } = options;
  const file = await readInput(options.config, "read the configuration", "check --config");
  return resolveConfig({ preset, file, sets, flags: { batch, seed } });
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** Least, mean and most tokens observed, and their possible bounds. */
function tokensOf(seen: readonly TokenShare[], possible: readonly [number, number]): object {
  const mean = rounded(meanTokens(seen));
  return { least: seen[0]!.tokens, mean, most: seen.at(-1)!.tokens, possible };
}

/** Least, mean and most share of images that use a patch. */
function sharesOf(shares: Float64Array): object {
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return {
    least: rounded(Math.min(...shares)),
    mean: rounded(mean),
    most: rounded(Math.max(...shares)),
  };
}

/** Samples masks and writes the page about them; see `lib/pages/masks_page.ts`. */
export async function masks(options: MasksOptions, _context: Context): Promise<Outcome> {
  const { out, steps, force } = options;
  const { config } = await readConfig(options);
  const { batch, seed } = config.run;
  const grid = gridOf(modelConfigOf(config).encoder);
  return await makeArtifact({
    stage: "masks",
    version: VERSION,
    path: out,
    kind: "file",
    config: { masks: config.masks, grid, batch, seed, steps },
    inputs: [],
    force,
  }, async (path) => {
    const tally = new MaskTally(grid);
    const progress = new Progress({
      stage: "masks",
      label: "sampling",
      total: steps,
      unit: "steps",
    });
    const masksAt = (step: number) => sampleMasks(config.masks, grid, { seed, step, batch });
    const example = masksAt(0);
    for (let step = 0; step < steps; step++) {
      tally.add(step === 0 ? example : masksAt(step), batch);
      progress.update(step + 1);
    }
    progress.close();
    const coverage: MaskCoverage = tally.coverage();
    const bounds = maskTokenBounds(config.masks, grid);
    const report = { config: config.masks, grid, batch, seed, coverage, bounds, example };
    await Deno.writeTextFile(path, masksPage(report));
    return {
      strategy: config.masks.strategy,
      sampler: config.masks.sampler,
      grid,
      images: coverage.images,
      targetBlocks: config.masks.targetBlocks,
      contextTokens: tokensOf(coverage.contextTokens, bounds.contextTokens),
      targetTokens: tokensOf(coverage.targetTokens, bounds.targetTokens),
      contextShare: sharesOf(coverage.context),
      targetShare: sharesOf(coverage.target),
      overlapShare: rounded(coverage.overlap),
      drawsPerImage: rounded(coverage.draws),
    };
  });
}

if (import.meta.main) await main(COMMAND, masks);
