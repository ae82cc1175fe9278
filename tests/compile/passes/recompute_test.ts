import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import {
  type Graph,
  type Program,
  simplify,
  type Tensors,
  traceProgram,
} from "../../../lib/compile/mod.ts";
import { recomputeLate } from "../../../lib/compile/passes/recompute.ts";

/** A product of `h`, so many others, and a product of `h` again; `last` also takes part in the end. */
function programOf(between: number, last: "x" | "nothing"): Program {
  const square = { dtype: "float32", shape: [8, 8] } as const;
  return {
    name: "late",
    carried: [],
    parameters: ["w"],
    inputs: { a: square, w: square },
    run: ({ a, w }: Tensors) => {
      const x = tf.matMul(a!, w!);
      const h = tf.mul(x, tf.sigmoid(tf.mul(x, 1.5))) as tf.Tensor2D;
      let y = tf.matMul(h, w!);
      for (let i = 0; i < between; i++) y = tf.matMul(y, w!);
      const z = tf.matMul(h, y, true);
      return { z: last === "x" ? tf.add(z, tf.exp(x)) : z };
    },
  };
}

function graphOf(program: Program) {
  return simplify(traceProgram(program));
}

function againIn({ nodes }: Graph) {
  return nodes.filter(({ again }) => again);
}

Deno.test("what follows from a tensor that is there anyway is computed again for a late use", () => {
  const graph = recomputeLate(graphOf(programOf(120, "x")));
  const again = againIn(graph);
  assert.deepEqual(again.map(({ op }) => op), ["Multiply", "Sigmoid", "Multiply"]);
  const products = graph.nodes.filter(({ op }) => op === "BatchMatMul");
  const late = products.at(-1)!.inputs[0]!, copy = again.at(-1)!.outputs[0]!;
  assert.equal(late.id, copy.id);
  assert.notEqual(products[1]!.inputs[0]!.id, copy.id);
});

Deno.test("nothing is computed again for a use soon after, or from a tensor that would be kept for it", () => {
  assert.equal(againIn(recomputeLate(graphOf(programOf(20, "x")))).length, 0);
  assert.equal(againIn(recomputeLate(graphOf(programOf(120, "nothing")))).length, 0);
});
