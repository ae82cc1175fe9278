import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import {
  type Graph,
  printGraph,
  type Program,
  simplify,
  type Tensors,
  traceProgram,
  verifyGraph,
} from "../../../lib/compile/mod.ts";

function program(name: string, run: (inputs: Tensors) => Tensors): Program {
  return {
    name,
    carried: [],
    inputs: {
      x: { dtype: "float32", shape: ["rows", 4] },
      w: { dtype: "float32", shape: [4, 3] },
    },
    run,
  };
}

Deno.test("traceProgram() records forward and gradient as one graph for every length", () => {
  const graph = traceProgram(program("absolute", ({ x, w }) => {
    const loss = (w: tf.Tensor) => tf.mean(tf.abs(tf.matMul(x!, w))) as tf.Scalar;
    const { value, grads } = tf.valueAndGrads(loss)([w!]);
    return { loss: value, gradient: grads[0]! };
  }));
  verifyGraph(graph);
  assert.equal(
    printGraph(simplify(graph)),
    `program absolute (rows)
  %0: float32[rows, 4] = input x
  %1: float32[4, 3] = input w
  %5: float32[] = constant 1
  %9: float32[] = length 3 rows
  %7: float32[rows, 3] = Fill {shape=[rows, 3], value=1, type=float32}
  %2: float32[rows, 3] = BatchMatMul %0 %1 {transposeA=false, transposeB=false}
  %3: float32[rows, 3] = Abs %2
  %4: float32[] = Mean %3 {axis=[0, 1], keepDims=false}
  %6: float32[1, 1] = Reshape %5 {shape=[1, 1]}
  %8: float32[rows, 3] = Multiply %6 %7
  %10: float32[rows, 3] = RealDiv %8 %9
  %12: float32[rows, 3] = Step %2 {alpha=-1}
  %13: float32[rows, 3] = Multiply %10 %12
  %14: float32[4, 3] = BatchMatMul %0 %13 {transposeA=true, transposeB=false}
  return loss = %4
  return gradient = %14`,
  );
});

Deno.test("simplify() computes equal values once and drops what no result needs", () => {
  const graph = traceProgram(program("twice", ({ x, w }) => {
    tf.exp(x!);
    return { y: tf.add(tf.square(w!), tf.square(w!)) };
  }));
  assert.equal(graph.nodes.length, 4);
  assert.deepEqual(simplify(graph).nodes.map(({ op }) => op), ["Square", "Add"]);
});

Deno.test("traceProgram() refuses a value that is read inside, and names the operation", () => {
  assert.throws(
    () => traceProgram(program("peek", ({ x }) => ({ y: tf.scalar(tf.sum(x!).dataSync()[0]!) }))),
    {
      name: "TypeError",
      message: 'Cannot trace "peek": the value of Sum (%2) is read inside the program, ' +
        "return it as a result instead",
    },
  );
});

Deno.test("traceProgram() refuses an unknown kernel by name", () => {
  assert.throws(
    () => traceProgram(program("running", ({ x }) => ({ y: tf.cumsum(x!) }))),
    { message: /^Cannot trace "running": kernel "Cumsum" has no rule yet/ },
  );
});

Deno.test("traceProgram() refuses a tensor that was made outside the program", () => {
  const outside = tf.tensor2d([[1, 2, 3, 4]]);
  assert.throws(
    () => traceProgram(program("leak", ({ x }) => ({ y: tf.add(x!, outside) }))),
    { message: /^Cannot trace "leak": it uses a tensor that was made outside of it/ },
  );
});

Deno.test("traceProgram() refuses a structure that changes with a length", () => {
  assert.throws(
    () =>
      traceProgram(program("parity", ({ x }) => ({
        y: x!.shape[0]! > 12 ? tf.exp(x!) : tf.log(x!),
      }))),
    {
      message: 'Cannot compile "parity" for every rows: Log (operation 0) is another operation ' +
        "at another length",
    },
  );
});

Deno.test("verifyGraph() names the first node that is wrong", () => {
  const graph = traceProgram(program("sum", ({ x, w }) => ({ y: tf.matMul(x!, w!) })));
  const [node] = graph.nodes as [Graph["nodes"][number]];
  const misshapen = { ...node, outputs: [{ ...node.outputs[0]!, shape: [4, 4] }] };
  assert.throws(() => verifyGraph({ ...graph, nodes: [misshapen] }), {
    message: /expected float32\[11, 3\], got float32\[4, 4\] in "%2: float32\[4, 4\] = BatchMatMul/,
  });
  const unknown = { ...node, op: "Guess" } as unknown as typeof node;
  assert.throws(() => verifyGraph({ ...graph, nodes: [unknown] }), {
    message: /unknown operation "Guess"/,
  });
  for (const inputs of [node.inputs.slice(1), [...node.inputs, ...node.inputs]]) {
    assert.throws(() => verifyGraph({ ...graph, nodes: [{ ...node, inputs } as typeof node] }), {
      message: /expected 2 to 3 operands, got [14] in "%2: float32\[rows, 3\] = BatchMatMul/,
    });
  }
  assert.throws(() => verifyGraph({ ...graph, nodes: [] }), {
    message: 'Cannot use graph "sum": result "y" (%2) is never made',
  });
  assert.throws(() => verifyGraph({ ...graph, nodes: [node, node] }), {
    message: /%2 is made twice/,
  });
});

Deno.test("tracing leaves the active backend as it was", () => {
  tf.setBackend("cpu");
  traceProgram(program("plain", ({ x }) => ({ y: tf.exp(x!) })));
  assert.equal(tf.getBackend(), "cpu");
  assert.deepEqual([...tf.square(tf.tensor1d([3])).dataSync()], [9]);
});
