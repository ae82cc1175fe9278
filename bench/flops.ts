/** Floating-point operations of matrix products, counted from traced programs. */
import { evaluate } from "../lib/compile/graph/length.ts";
import { type Graph, type Program, simplify, traceProgram } from "../lib/compile/mod.ts";
import { gradientProgram, type StepConfig, updateProgram } from "../lib/training/step.ts";

/** Values for the named lengths of a graph. */
type Lengths = Readonly<Record<string, number>>;

/** Operations of all matrix products of a graph: 2 m n k for each pair of matrices. */
export function productFlops(graph: Graph, lengths: Lengths): number {
  let total = 0;
  for (const { op, inputs: [a], attributes, outputs: [result] } of graph.nodes) {
    if (op !== "BatchMatMul") continue;
    const inner = a!.shape.at(attributes["transposeA"] === true ? -2 : -1)!;
    const elements = result!.shape.reduce<number>((size, e) => size * evaluate(e, lengths), 1);
    total += 2 * elements * evaluate(inner, lengths);
  }
  return total;
}

/** The graph of a program as it is run, as far as products go: none twice, none without use. */
export function graphOf(program: Program): Graph {
  return simplify(traceProgram(program));
}

/** Tokens of a step: Kc of each context, Kt of each target block. */
export interface StepTokens {
  readonly contextTokens: number;
  readonly targetTokens: number;
}

/** Operations of all matrix products of a step, as a function of its mask sizes. The whole batch, all parts of it. */
export function stepFlops(config: StepConfig): (tokens: StepTokens) => number {
  // Lanes share out images, so they change nothing: one lane does the work of all.
  const laned = { ...config, lanes: 1 };
  const gradients = graphOf(gradientProgram(laned)), update = graphOf(updateProgram(laned));
  return ({ contextTokens, targetTokens }) => {
    const lengths = { context: contextTokens, targets: targetTokens };
    return config.accumulate * productFlops(gradients, lengths) + productFlops(update, {});
  };
}
