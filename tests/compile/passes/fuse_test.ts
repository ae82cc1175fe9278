import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import {
  fuse,
  printGraph,
  type Program,
  simplify,
  type Tensors,
  traceProgram,
  verifyGraph,
} from "../../../lib/compile/mod.ts";
import { gelu, layerNorm, linear } from "../../../lib/model/layers.ts";

function program(run: (inputs: Tensors) => Tensors): Program {
  return {
    name: "fused",
    carried: [],
    inputs: {
      x: { dtype: "float32", shape: ["rows", 4] },
      w: { dtype: "float32", shape: [4, 4] },
      g: { dtype: "float32", shape: [4] },
      b: { dtype: "float32", shape: [4] },
    },
    run,
  };
}

function fusedText(run: (inputs: Tensors) => Tensors): string {
  const graph = fuse(simplify(traceProgram(program(run))));
  verifyGraph(graph);
  return printGraph(graph).split("\n").filter((line) => / = [A-Z]/.test(line)).join("\n");
}

Deno.test("fuse() puts bias and scale into products", () => {
  assert.equal(
    fusedText(({ x, w, b }) => ({ y: linear(x!, w!, b!) })),
    "  %5: float32[rows, 4] = BatchMatMul %0 %1 %3 {transposeA=false, transposeB=true}",
  );
  assert.equal(
    fusedText(({ x }) => ({ y: tf.mul(tf.matMul(x!, x!, false, true), 0.5) })),
    "  %6: float32[rows, rows] = BatchMatMul %0 %0 {transposeA=false, transposeB=true, scale=0.5}",
  );
});

Deno.test("fuse() leaves a product alone whose plain value is needed too", () => {
  const text = fusedText(({ x, w, b }) => {
    const product = tf.matMul(x!, w!);
    return { product, sum: tf.add(product, b!) };
  });
  assert.match(text, /BatchMatMul %0 %1 \{.*\n.*Add /);
});

Deno.test("fuse() recognises LayerNorm and GELU in a forward pass", () => {
  assert.match(
    fusedText(({ x, g, b }) => ({ y: layerNorm(x!, { weight: g!, bias: b! }) })),
    /^ {2}%\d+: float32\[rows, 4\] = LayerNorm %0 %2 %3 \{epsilon=\d\.\d+e-7\}$/,
  );
  assert.match(fusedText(({ x }) => ({ y: gelu(x!) })), /^ {2}%\d+: float32\[rows, 4\] = Gelu %0$/);
});

Deno.test("fuse() keeps what the backward pass of LayerNorm needs", () => {
  const text = fusedText(({ x, g, b }) => {
    const loss = (x: tf.Tensor) =>
      tf.sum(tf.square(layerNorm(x, { weight: g!, bias: b! }))) as tf.Scalar;
    return { gradient: tf.grad(loss)(x!) };
  });
  assert.match(text, /%(\d+): float32\[rows, 4\], %\d+: float32\[rows, 1\] = Normalise %0/);
  assert.doesNotMatch(text, /LayerNorm|Rsqrt/);
});
