/** Growing training steps: one size changes, all others stay as they are in a small model. */
import { join } from "node:path";
import type { StepConfig } from "../../lib/training/step.ts";
import { ours } from "../contestants.ts";
import { growthExponent } from "./exponents.ts";
import { stepFlops } from "../flops.ts";
import { fixedMasks, OPTIMIZER, type StepCase, writeStepWork } from "../step/cases.ts";
import type { Growing, Growth } from "./growing.ts";

/** What decides how much work a step is. */
interface StepSizes {
  /** Side of the grid of patches; a multiple of 8. */
  readonly side: number;
  readonly width: number;
  readonly depth: number;
  readonly batch: number;
}

/** Large enough for products to outweigh what a step of any size costs. */
const BASE: StepSizes = { side: 8, width: 128, depth: 2, batch: 16 };
const PATCH = 4;
const RUN = { warmUpSteps: 2, timedSteps: 8 };

/** Heads have 64 numbers, those of the predictor 32; the predictor is half as wide and as deep. */
function stepOf({ side, width, depth, batch }: StepSizes): StepConfig {
  const heads = width / 64, pixels = PATCH * side;
  return {
    model: {
      encoder: {
        imageSize: [pixels, pixels],
        patchSize: PATCH,
        width,
        depth,
        heads,
        mlpWidth: 4 * width,
      },
      predictor: {
        width: width / 2,
        outputWidth: width,
        depth: depth / 2,
        heads,
        mlpWidth: 2 * width,
      },
    },
    objective: { targets: "representations", targetMasking: "output", loss: "smoothL1" },
    batch,
    accumulate: 1,
    targetBlocks: 4,
    optimizer: OPTIMIZER,
  };
}

function caseOf(name: string, sizes: StepSizes): StepCase {
  const { batch, side } = sizes;
  const masksOf = fixedMasks({ batch, side });
  return { name, step: stepOf(sizes), timedSteps: RUN.timedSteps, masksOf };
}

/** Names of all that grows, what it is, and the sizes to measure. */
const AXES: Readonly<
  Record<
    string,
    { readonly what: string; readonly sizes: readonly number[]; of(size: number): StepSizes }
  >
> = {
  tokens: {
    what: "tokens per image of a training step",
    sizes: [64, 256, 576, 1024],
    of: (tokens) => ({ ...BASE, side: Math.sqrt(tokens), batch: 8 }),
  },
  width: {
    what: "width of a training step",
    sizes: [64, 128, 256, 512],
    of: (width) => ({ ...BASE, width }),
  },
  depth: {
    what: "depth of a training step",
    sizes: [2, 4, 8, 16],
    of: (depth) => ({ ...BASE, depth }),
  },
  batch: {
    what: "batch of a training step",
    sizes: [16, 32, 64, 128],
    of: (batch) => ({ ...BASE, batch }),
  },
};

/** Names of the steps' growths. */
export const GROWING_STEPS: readonly string[] = Object.keys(AXES);

/** Steps that grow in tokens, width, depth and batch. Expected is what their matrix products do. */
export function growingSteps(folder: string, { threads }: { readonly threads: number }): Growing[] {
  return Object.entries(AXES).map(([name, { what, sizes, of }]) => ({
    name,
    async prepare(): Promise<Growth> {
      const flops: number[] = [], contestants = [];
      for (const size of sizes) {
        const stepCase = caseOf(`${name}-${size}`, of(size));
        const work = join(folder, stepCase.name);
        await Deno.mkdir(work);
        const [masks] = await writeStepWork(work, stepCase, { threads, ...RUN });
        flops.push(stepFlops(stepCase.step)(masks!));
        contestants.push(ours("step/process.ts", [work]));
      }
      const expected = growthExponent({ sizes, costs: flops });
      return { what, sizes, expected, because: "its matrix products", contestants };
    },
  }));
}
