import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { finishRun, type MetricsLine, RunDirectory, type RunRecord } from "../../lib/run/mod.ts";
import { floatTensor } from "../../lib/tensor.ts";
import { type ConfigPatch, type PretrainConfig, resolveConfig } from "../../lib/config/mod.ts";

export const { config: CONFIG, origins: ORIGINS } = resolveConfig({
  preset: "smoke",
  sets: ["schedule.learningRate=0.001", "run.keepLast=2", "run.batch=8"],
  flags: { steps: 100, checkpointSteps: 10 },
});
/** A run of 100 steps with a checkpoint every 10. */
export const RECORD: RunRecord = {
  format: "ijepa-run",
  version: 1,
  tool: "0.1.0",
  config: CONFIG,
  origins: ORIGINS,
  shards: { manifestSha256: "ab".repeat(32), split: "train", images: 64 },
  runtime: { name: "onnx", description: "ONNX Runtime 1.30.0, 2 threads" },
};
export const TENSORS = { w: floatTensor([3]) };

/** What is recorded of a step. */
export function lineOf(step: number): MetricsLine {
  return {
    step,
    loss: 0.4,
    lr: 1e-3,
    weight_decay: 0.04,
    ema_momentum: 0.996,
    context_tokens: 24,
    target_tokens: 9,
    target_std: 0.5,
    target_cosine: 0.1,
    seconds: 0.25,
    images_per_second: 32,
    data_wait_fraction: 0,
  };
}

/** The same run with other values. */
export function withValues(changes: ConfigPatch): RunRecord {
  const config = Object.fromEntries(
    Object.entries(RECORD.config).map(([group, values]) => [group, {
      ...values,
      ...changes[group as keyof ConfigPatch],
    }]),
  );
  return { ...RECORD, config: config as unknown as PretrainConfig };
}

/** Calls `use` with the path of a run that is not there yet. */
export async function withRun(use: (run: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(join(directory, "run"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Opens a run, hands it over, closes it; gives what it said. */
export async function inRun(
  path: string,
  record: RunRecord,
  use: (run: RunDirectory) => Promise<unknown> = () => Promise.resolve(),
): Promise<string[]> {
  const said: string[] = [];
  await using run = await RunDirectory.open(path, {
    record,
    retention: record.config.run,
    steps: 100,
    say: (text) => said.push(text),
  });
  await use(run);
  return said;
}

/** Why a run cannot be opened. */
export async function refusal(path: string, record: RunRecord): Promise<Failure> {
  const error = await inRun(path, record).then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof Failure, `wanted a Failure, got ${error}`);
  return error;
}

/** A run of three steps with a checkpoint after each, of which the last is kept. */
export const TINY = {
  steps: 3,
  retention: { keepLast: 1, keepEvery: 0, checkpointSteps: 1 },
  record: withValues({ run: { checkpointSteps: 1, keepLast: 1 }, schedule: { steps: 3 } }),
};

/** Does everything to a run directory that training does, with a tensor of three values. */
export async function trainTiny(path: string, say: (text: string) => void): Promise<void> {
  const { steps, record } = TINY;
  await using run = await RunDirectory.open(path, { ...TINY, say });
  for (let step = run.checkpoint?.step ?? 0; step < steps; step++) {
    run.appendMetrics(lineOf(step));
    const tensors = { w: floatTensor([3], Float32Array.of(step, 1, 2)) };
    await run.writeCheckpoint({ step: step + 1, tensors });
  }
  await finishRun(path, { record, shards: "shards", steps });
}
