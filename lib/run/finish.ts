/** Finished runs: their receipt, and how one is recognised. */
import { join, relative } from "node:path";
import * as v from "valibot";
import { receiptOfGrown, receiptPath, receiptText } from "../artifact/mod.ts";
import { Failure, messageOf } from "../failure.ts";
import {
  expectPlain,
  outputFailure,
  readJson,
  systemCode,
  writeFileAtomically,
} from "../files/mod.ts";
import { parseJson } from "../json.ts";
import {
  type Checkpoint,
  checkpointName,
  checkpointsPath,
  listCheckpoints,
  savedValues,
  verifyCheckpoint,
} from "./checkpoints.ts";
import { METRICS_FILE } from "./metrics.ts";
import { lossOfLastStep } from "./metrics_lines.ts";
import {
  CONFIG_FILE,
  type DecisiveValues,
  decisiveValues,
  expectSameRun,
  expectValues,
  readWithDefaults,
  type RunIdentity,
  type RunRecord,
} from "./record.ts";

/** The result of a finished run. */
export interface RunSummary {
  readonly steps: number;
  /** Loss of the last step; `null` when its metrics were lost. */
  readonly loss: number | null;
  /** Path of the last checkpoint. */
  readonly checkpoint: string;
}

/** What the receipt of a run names as its stage. */
const STAGE = "pretrain";

async function summaryOf(run: string, steps: number): Promise<RunSummary> {
  const loss = await lossOfLastStep(join(run, METRICS_FILE), steps - 1);
  return { steps, loss: loss ?? null, checkpoint: lastCheckpoint(run, steps).path };
}

function lastCheckpoint(run: string, steps: number): Checkpoint {
  return { step: steps, path: join(checkpointsPath(run), checkpointName(steps)) };
}

/** The values of a run in its receipt. */
const FINISHED = v.looseObject({
  stage: v.literal(STAGE),
  config: v.record(v.string(), v.record(v.string(), v.unknown())),
  inputs: v.array(v.looseObject({ sha256: v.string() })),
});

/** The values that a finished run had, by its receipt; `undefined` without a receipt that can be read. */
async function finishedValues(run: string, record: RunRecord): Promise<DecisiveValues | undefined> {
  const reading = { action: `open the run "${run}"`, advice: "remove it" };
  try {
    const finished = await readJson(receiptPath(run, "directory"), FINISHED, reading);
    const config = finished.config as unknown as RunRecord["config"];
    const { sha256: manifestSha256 = record.shards.manifestSha256 } = finished.inputs[0] ?? {};
    return decisiveValues({ ...record, config, shards: { ...record.shards, manifestSha256 } });
  } catch {
    return undefined;
  }
}

/**
 * Reads the record of a run. Settings newer than the version that began it have their defaults. The values must agree
 * with those of its newest checkpoint and, if it is finished, of its receipt, where these have any.
 *
 * @throws {Failure} `missing`: no run; `data`: the record is damaged or was changed, or has a value or setting that
 * this version does not accept
 */
export async function readRun(run: string): Promise<RunRecord> {
  const { record } = await readWithDefaults(run);
  const finished = await finishedValues(run, record);
  if (finished !== undefined) {
    expectValues(run, record, { then: finished, when: "the run was finished" });
  }
  const checkpoint = (await listCheckpoints(run)).at(-1);
  const saved = checkpoint && await savedValues(checkpoint);
  if (saved !== undefined) {
    expectValues(run, record, { then: saved, when: `the checkpoint of step ${checkpoint!.step}` });
  }
  return record;
}

/**
 * Whether the receipt of the finished run exists. One that is not JSON, as after a full disk, counts as missing.
 *
 * @throws {Failure} `output`: the receipt is of something else
 */
export async function hasReceipt(run: string, steps: number): Promise<boolean> {
  const path = receiptPath(run, "directory");
  const schema = v.looseObject({
    stage: v.literal(STAGE),
    summary: v.looseObject({ steps: v.literal(steps) }),
  });
  let text: string;
  try {
    await expectPlain(path);
    text = await Deno.readTextFile(path);
    JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === "ENOENT") return false;
    throw outputFailure(path, error);
  }
  try {
    parseJson(text, schema);
    return true;
  } catch (error) {
    throw new Failure(
      "output",
      `Cannot write the run "${run}": "${path}" is the receipt of something else (${
        messageOf(error)
      }), move it away or give another --out`,
      { cause: error },
    );
  }
}

/**
 * The summary of a finished and complete run; otherwise `undefined`. Writes nothing and takes no lock: an archived run
 * may be read-only.
 *
 * @throws {Failure} `output`: it is a run of another configuration; `data`: its record is damaged
 */
export async function finishedRun(
  run: string,
  { identity, steps }: { readonly identity: RunIdentity; readonly steps: number },
): Promise<RunSummary | undefined> {
  const known = await Deno.stat(join(run, CONFIG_FILE)).then(() => true, () => false);
  if (!known) return undefined; // Opening the run reports what else is wrong.
  expectSameRun(run, (await readWithDefaults(run)).record, identity);
  if (!await hasReceipt(run, steps)) return undefined;
  if ((await listCheckpoints(run)).at(-1)?.step !== steps) return undefined;
  try {
    await verifyCheckpoint(lastCheckpoint(run, steps));
  } catch (error) {
    if (error instanceof Failure && error.kind === "data") return undefined;
    throw error;
  }
  return await summaryOf(run, steps);
}

/**
 * Writes `receipt.json`, which marks the run as finished. An existing one stays untouched, so that what depends on it
 * stays up to date.
 *
 * @param run the run directory
 * @param options `shards`: where the images were; `steps`: the length of the run, whose last checkpoint exists
 */
export async function finishRun(
  run: string,
  { record, shards, steps }: {
    readonly record: RunRecord;
    readonly shards: string;
    readonly steps: number;
  },
): Promise<RunSummary> {
  const summary = await summaryOf(run, steps);
  if (await hasReceipt(run, steps)) return summary;
  const inputs = [{ path: shards, sha256: record.shards.manifestSha256 }];
  if (record.initFrom !== undefined) {
    inputs.push({ path: record.initFrom.file, sha256: record.initFrom.sha256 });
  }
  const receipt = receiptOfGrown(
    { stage: STAGE, version: record.tool, config: record.config, inputs },
    { ...summary, checkpoint: relative(run, summary.checkpoint) },
  );
  await writeFileAtomically(receiptPath(run, "directory"), receiptText(receipt));
  return summary;
}
