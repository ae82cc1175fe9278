import assert from "node:assert/strict";
import { productFlops, stepFlops } from "../../bench/flops.ts";
import { STEP_CASES } from "../../bench/step/cases.ts";
import type { Length } from "../../lib/compile/graph/length.ts";
import type { Graph, Node, Value } from "../../lib/compile/graph/graph.ts";
import type { StepConfig } from "../../lib/training/step.ts";

const ROWS: Length = new Map([["rows", 1]]);

function value(id: number, shape: readonly Length[]): Value {
  return { id, type: "float32", shape };
}

function product(inputs: Value[], output: Value, transposeA = false): Node {
  const attributes = { transposeA, transposeB: false };
  return { op: "BatchMatMul", inputs, attributes, outputs: [output] };
}

Deno.test("productFlops() counts 2 m n k of every product, batches and transposes included", () => {
  const x = value(0, [ROWS, 5]), w = value(1, [5, 7]), y = value(2, [ROWS, 7]);
  const a = value(3, [2, 3, 11, 4]), b = value(4, [2, 3, 11, 6]), c = value(5, [2, 3, 4, 6]);
  const sum = value(6, [ROWS, 7]);
  const graph: Graph = {
    name: "hand-made",
    lengths: ["rows"],
    inputs: new Map([["x", x], ["w", w], ["a", a], ["b", b]]),
    constants: [],
    nodes: [
      product([x, w], y), // 2 * rows * 5 * 7
      product([a, b], c, true), // 2 * (2 * 3) * 4 * 6 * 11
      { op: "Add", inputs: [y, y], attributes: {}, outputs: [sum] },
    ],
    outputs: new Map([["sum", sum], ["c", c]]),
  };
  assert.equal(productFlops(graph, { rows: 10 }), 700 + 3168);
  assert.equal(productFlops(graph, { rows: 20 }), 1400 + 3168);
});

/** Multiplications of a transformer block: projections and MLP, then attention (docs/method.md section 2.7). */
function blockProducts(tokens: number, width: number, mlpWidth: number): number {
  return tokens * width * (4 * width + 2 * mlpWidth) + 2 * tokens ** 2 * width;
}

/** The same of the predictor's last block, in which only the `predicted` tokens have queries and go on. */
function lastBlockProducts(
  tokens: number,
  predicted: number,
  { width, mlpWidth }: { readonly width: number; readonly mlpWidth: number },
): number {
  return tokens * width * 2 * width + predicted * width * (2 * width + 2 * mlpWidth) +
    2 * tokens * predicted * width;
}

/** What a step multiplies, by hand. A layer that learns costs three times its forward pass, the first one twice. */
function stepProducts({ model, batch, targetBlocks }: StepConfig, kept: number, predicted: number) {
  const { encoder, predictor } = model;
  const { width, depth, mlpWidth, patchSize, imageSize: [height, length] } = encoder;
  const patches = height * length / patchSize ** 2, inputs = 3 * patchSize ** 2;
  const target = depth * blockProducts(patches, width, mlpWidth) + patches * inputs * width;
  const context = 3 * depth * blockProducts(kept, width, mlpWidth) + 2 * kept * inputs * width;
  const block = blockProducts(kept + predicted, predictor.width, predictor.mlpWidth);
  const blocks = (predictor.depth - 1) * block +
    lastBlockProducts(kept + predicted, predicted, predictor);
  // The first block projects the context once for all target blocks.
  const shared = 3 * (targetBlocks - 1) * kept * 3 * predictor.width ** 2;
  const predictions = 3 * targetBlocks * (blocks + predicted * width * predictor.width) - shared;
  return batch * (target + context + 3 * kept * width * predictor.width + predictions);
}

Deno.test("stepFlops() is what the formula of a transformer says, for all mask sizes", () => {
  for (const { step } of STEP_CASES) {
    const flops = stepFlops(step);
    for (const [contextTokens, targetTokens] of [[32, 12], [17, 9]] as const) {
      assert.equal(
        flops({ contextTokens, targetTokens }),
        2 * stepProducts(step, contextTokens, targetTokens),
      );
    }
  }
  const [{ step }] = STEP_CASES as [typeof STEP_CASES[number]];
  assert.equal(stepFlops(step)({ contextTokens: 32, targetTokens: 12 }), 75_360_632_832);
});

Deno.test("stepFlops() counts all parts of an accumulated batch", () => {
  const [{ step }] = STEP_CASES as [typeof STEP_CASES[number]];
  const tokens = { contextTokens: 32, targetTokens: 12 };
  assert.equal(stepFlops({ ...step, accumulate: 4 })(tokens), stepFlops(step)(tokens));
});
