import assert from "node:assert/strict";
import type { Graph, Node, Value } from "../../../lib/compile/graph/graph.ts";
import { peakBytes } from "../../../lib/compile/onnx/memory.ts";
import { simplify, traceProgram } from "../../../lib/compile/mod.ts";
import type { Length } from "../../../lib/compile/graph/length.ts";
import type { Op } from "../../../lib/compile/graph/operations.ts";
import * as tf from "@tensorflow/tfjs";

const ROWS: Length = new Map([["rows", 1]]);
const FOUR_ROWS: Length = new Map([["rows", 4]]);

function value(id: number, shape: readonly Length[], type: Value["type"] = "float32"): Value {
  return { id, type, shape };
}

function node(op: Op, inputs: readonly Value[], ...outputs: Value[]): Node {
  return { op, inputs, attributes: {}, outputs } as Node;
}

function graphOf(parts: Pick<Graph, "inputs" | "nodes" | "outputs"> & Partial<Graph>): Graph {
  return { name: "hand-made", lengths: ["rows"], constants: [], ...parts };
}

Deno.test("peakBytes() counts what is alive at once, and views of it once", () => {
  const x = value(0, [ROWS, 4]), w = value(1, [4, 4]), two = value(2, []);
  const product = value(3, [ROWS, 4]),
    flat = value(4, [FOUR_ROWS]),
    column = value(5, [
      FOUR_ROWS,
      1,
    ]);
  const square = value(6, [FOUR_ROWS]), positive = value(7, [FOUR_ROWS], "bool");
  const kept = value(8, [FOUR_ROWS]), sum = value(9, []);
  const graph = graphOf({
    inputs: new Map([["x", x], ["w", w]]),
    constants: [{ value: two, data: { dtype: "float32", shape: [], data: Float32Array.of(2) } }],
    nodes: [
      node("BatchMatMul", [x, w], product), // product: 160
      node("Reshape", [product], flat), // the same bytes
      node("ExpandDims", [flat], column),
      node("Pow", [flat, two], square), // product, square: 320
      node("Greater", [square, two], positive), // and 40 of one byte each: 360
      node("Select", [positive, square, column], kept), // and 160: 520, then only kept: 160
      node("Sum", [kept], sum),
    ],
    outputs: new Map([["sum", sum]]),
  });
  assert.equal(peakBytes(graph, { rows: 10 }), 520);
  assert.equal(peakBytes(graph, { rows: 20 }), 1040);
});

Deno.test("peakBytes() frees a value after its last use, and one without use at once", () => {
  const x = value(0, [ROWS]);
  const unused = value(1, [ROWS]), half = value(2, [ROWS]), a = value(3, [ROWS]);
  const b = value(4, [ROWS]), result = value(5, [ROWS]);
  const graph = graphOf({
    inputs: new Map([["x", x]]),
    nodes: [
      node("SplitV", [x], unused, half), // 80, then 40
      node("Neg", [half], a), // 80, then 40
      node("Exp", [a], b), // 80, then 40
      node("Add", [b, x], result), // the result is held
    ],
    outputs: new Map([["result", result]]),
  });
  assert.equal(peakBytes(graph, { rows: 10 }), 80);
});

Deno.test("peakBytes() leaves out inputs and results, and views of them", () => {
  const program = {
    name: "carry",
    inputs: {
      x: { dtype: "float32", shape: ["rows"] },
      weight: { dtype: "float32", shape: [100] },
    },
    carried: ["weight"],
    run: ({ x, weight }: Readonly<Record<string, tf.Tensor>>) => ({
      weight: tf.neg(weight!),
      x2: tf.reshape(x!, [-1, 1]),
    }),
  } as const;
  assert.equal(peakBytes(simplify(traceProgram(program)), { rows: 5 }), 0);
});
