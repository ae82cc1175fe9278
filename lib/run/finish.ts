import { join, relative } from "node:path";
import { writeFileAtomically } from "../files/mod.ts";
import { checkpointName, checkpointsPath } from "./checkpoints.ts";
import { METRICS_FILE, type MetricsLine } from "./metrics.ts";
import type { RunRecord } from "./record.ts";

/** What a finished run comes to. */
export interface RunSummary {
  readonly steps: number;
  /** Loss of the last step; `null` when its metrics were lost. */
  readonly loss: number | null;
  /** Path of the last checkpoint. */
  readonly checkpoint: string;
}

const RECEIPT_FILE = "receipt.json";

async function lastLoss(path: string, steps: number): Promise<number | null> {
  const text = await Deno.readTextFile(path);
  const line = text.trimEnd().split("\n").at(-1) || "{}";
  const { step, loss } = JSON.parse(line) as Partial<MetricsLine>;
  return step === steps - 1 ? loss ?? null : null;
}

/**
 * Leaves `receipt.json`, the sign that the run is finished. One that is there stays untouched, so that nothing that
 * depends on it looks stale.
 *
 * @param run the run directory
 * @param options `shards`: where the images were; `steps`: the length of the run, whose last checkpoint is there
 */
export async function finishRun(
  run: string,
  { record, shards, steps }: {
    readonly record: RunRecord;
    readonly shards: string;
    readonly steps: number;
  },
): Promise<RunSummary> {
  const checkpoint = join(checkpointsPath(run), checkpointName(steps));
  const loss = await lastLoss(join(run, METRICS_FILE), steps);
  const summary = { steps, loss, checkpoint };
  const path = join(run, RECEIPT_FILE);
  if (await Deno.stat(path).then(() => true, () => false)) return summary;
  const receipt = {
    stage: "pretrain",
    version: record.tool,
    config: record.config,
    inputs: [
      { path: shards, sha256: record.shards.manifestSha256 },
      ...record.initFrom === undefined
        ? []
        : [{ path: record.initFrom.file, sha256: record.initFrom.sha256 }],
    ],
    finished: new Date().toISOString(),
    summary: { ...summary, checkpoint: relative(run, checkpoint) },
  };
  await writeFileAtomically(path, JSON.stringify(receipt, null, 2) + "\n");
  return summary;
}
