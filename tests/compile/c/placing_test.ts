import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import type { Program, Tensors } from "../../../lib/compile/mod.ts";
import { planCalls } from "../../../lib/compile/c/plan/plan.ts";
import { compileToC } from "../../../lib/compile/c/compile.ts";

/** How many elements of x and y, which are [4 6], a program copies: call by call. */
function copies(run: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor): readonly number[] {
  const float = { dtype: "float32", shape: [4, 6] } as const;
  const program: Program = {
    name: "placing",
    carried: [],
    inputs: { x: float, y: float },
    run: ({ x, y }: Tensors) => ({ result: run(x!, y!) }),
  };
  const { calls } = planCalls(compileToC(program), {}, program);
  return calls.filter(({ kernel }) => kernel === "copy_elements").map((call) =>
    call.arguments.slice(2, 8).reduce<number>((count, length) => count * Number(length), 1)
  );
}

Deno.test("what is repeated and joined is copied once, to where it is wanted", () => {
  assert.deepEqual(copies((x, y) => tf.concat([tf.tile(x, [3, 1]), y], 0)), [24, 24, 24, 24]);
});

Deno.test("a part that several operations need without gaps is copied once, whatever its shape", () => {
  const parts = copies((x) => {
    const part = tf.slice(tf.reshape(x, [2, 2, 6]), [0, 1, 0], [2, 1, 6]);
    return tf.add(tf.sum(part, 0), tf.max(tf.reshape(part, [2, 6]), 0));
  });
  assert.deepEqual(parts, [12]);
});
