/**
 * Computes the monitors of a step on its own, on one thread: `monitors_process.ts BATCH TOKENS WIDTH WARM_UP TIMED`. Within a
 * step they share lanes and session with everything else, so there they take less.
 */
import * as tf from "@tensorflow/tfjs";
import type { Program } from "../../lib/compile/mod.ts";
import { createRuntime } from "../../lib/runtime/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { monitorResults } from "../../lib/training/monitors/compute.ts";
import { measure } from "../measured.ts";

const [batch, tokens, width, warmUp, timed] = Deno.args.map(Number) as [
  number,
  number,
  number,
  number,
  number,
];

/** Targets [B N, D] to the monitors of their means over images. */
const MONITORS: Program = {
  name: "monitors",
  carried: [],
  parameters: ["rows"],
  inputs: { rows: { dtype: "float32", shape: [batch * tokens, width] } },
  run({ rows }) {
    const pooled = tf.mean(tf.reshape(rows!, [batch, tokens, width]), 1);
    return { ...monitorResults("update", { pooled, norm: undefined }), pooled };
  },
};

const runtime = await createRuntime("auto", { threads: 1 });
const executable = await runtime.prepare(MONITORS, { slots: 1 });
const rows = Float32Array.from({ length: batch * tokens * width }, (_, i) => Math.sin(i));
executable.store.write({ rows: floatTensor([batch * tokens, width], rows) });
await measure(async () => {
  const { target_cosine } = await executable.run({});
  return Number(target_cosine!.data[0]);
}, { warmUp, timed, library: runtime.description });
