/**
 * How fast this machine multiplies large matrices of 32-bit floats: `process.ts THREADS SECONDS`. Two ways, each for some
 * seconds: one product on all threads, and one product per thread at the same time. The faster one is the limit.
 */
import * as tf from "@tensorflow/tfjs";
import type { Executable, Program } from "../../lib/compile/mod.ts";
import { RandomStream } from "../../lib/random/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { graphOf, productFlops } from "../flops.ts";

/** The measured rates, in 1e9 operations per second; one line of JSON on stdout. */
export interface ProductRates {
  /** Rows and columns of the matrices. */
  readonly side: number;
  readonly one_session_gflops: number;
  readonly session_per_thread_gflops: number;
  readonly library: string;
}

const SIDE = 1024, CHAIN = 4;

/** A chain of products and one number of its result, so that nothing large comes back. */
const PRODUCTS: Program = {
  name: "products",
  carried: [],
  parameters: ["x", "w"],
  inputs: {
    x: { dtype: "float32", shape: [SIDE, SIDE] },
    w: { dtype: "float32", shape: [SIDE, SIDE] },
  },
  run({ x, w }) {
    let result = x!;
    for (let i = 0; i < CHAIN; i++) result = tf.matMul(result, w!);
    return { corner: tf.slice(result, [0, 0], [1, 1]) };
  },
};

/** A random matrix whose products neither grow nor vanish. */
function randomMatrix(name: string) {
  const random = new RandomStream({ seed: 0, purpose: `bench ${name}` });
  const scale = 1 / Math.sqrt(SIDE);
  const data = Float32Array.from({ length: SIDE * SIDE }, () => scale * random.normal());
  return floatTensor([SIDE, SIDE], data);
}

/** Operations per second, in 1e9, of sessions that work at the same time. */
async function rateOf(sessions: readonly Executable[], seconds: number): Promise<number> {
  const flops = productFlops(graphOf(PRODUCTS), {});
  await Promise.all(sessions.map((session) => session.run({})));
  const start = performance.now(), end = start + 1000 * seconds;
  let runs = 0;
  await Promise.all(sessions.map(async (session) => {
    while (performance.now() < end) {
      await session.run({});
      runs++;
    }
  }));
  return runs * flops / ((performance.now() - start) / 1000) / 1e9;
}

const [threads, seconds] = Deno.args.map(Number) as [number, number];
const runtime = await createRuntime("auto", { threads });
const matrices = { x: randomMatrix("x"), w: randomMatrix("w") };

async function prepare(ofThreads: number): Promise<Executable> {
  const executable = await runtime.prepare(PRODUCTS, { slots: ofThreads });
  executable.store.write(matrices);
  return executable;
}

async function rateOfNew(count: number, ofThreads: number): Promise<number> {
  const sessions = await Promise.all(Array.from({ length: count }, () => prepare(ofThreads)));
  const rate = await rateOf(sessions, seconds);
  for (const session of sessions) session.dispose();
  return rate;
}

const rates: ProductRates = {
  side: SIDE,
  one_session_gflops: await rateOfNew(1, threads),
  session_per_thread_gflops: await rateOfNew(threads, 1),
  library: runtime.description,
};
console.log(JSON.stringify(rates));
Deno.exit(0);
