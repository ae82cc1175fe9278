import { join } from "node:path";
import { Failure, messageOf } from "../failure.ts";

/** Configuration values by group and key. */
export type SettingGroups = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Weights that a run started from. */
export interface WeightsOrigin {
  /** As it was given: a file, an encoder's directory or a run. */
  readonly path: string;
  /** The file that held the weights, and its hash. */
  readonly file: string;
  readonly sha256: string;
}

/** What `config.json` of a run holds: all that decides the outcome, and where each value came from. */
export interface RunRecord {
  readonly format: "ijepa-run";
  readonly version: 1;
  /** The tool's version that started the run. */
  readonly tool: string;
  readonly config: SettingGroups;
  /** By `group.key`: `default`, `preset NAME` and so on. */
  readonly origins: Readonly<Record<string, string>>;
  readonly shards: {
    /** SHA-256 of `manifest.json`, which holds the hashes of all shards. */
    readonly manifestSha256: string;
    readonly split: string;
    readonly images: number;
  };
  /** Where the weights of the first step came from; absent: they were random. */
  readonly initFrom?: WeightsOrigin;
  /** What the run was started on. A run may go on elsewhere; equal bytes are promised on the same only. */
  readonly runtime: { readonly name: string; readonly description: string };
}

/** Name of the record inside a run directory. */
export const CONFIG_FILE = "config.json";

/** Values that decide when files are written, not what training does: they may change from start to start. */
const FREE_KEYS = ["run.checkpointSteps", "run.keepLast", "run.keepEvery"];

const KEYS_SHOWN = 3;

function flatten({ config, shards, initFrom }: RunRecord): Map<string, string> {
  const entries = Object.entries(config).flatMap(([group, values]) =>
    Object.entries(values).map(([key, value]) =>
      [`${group}.${key}`, JSON.stringify(value)] as const
    )
  );
  return new Map([
    ...entries.filter(([name]) => !FREE_KEYS.includes(name)),
    ["shards", shards.manifestSha256.slice(0, 12)],
    ["split", shards.split],
    // By content: the same weights may lie elsewhere by now.
    ...initFrom === undefined ? [] : [["--init-from", initFrom.sha256.slice(0, 12)] as const],
  ]);
}

/**
 * Refuses to go on with a run under another configuration or on other images.
 *
 * @throws {Failure} `output`: names the first values that differ, as they are there and here
 */
export function expectSameRun(directory: string, there: RunRecord, here: RunRecord): void {
  const [old, wanted] = [flatten(there), flatten(here)];
  const names = [...new Set([...old.keys(), ...wanted.keys()])];
  const different = names.filter((name) => old.get(name) !== wanted.get(name));
  if (different.length === 0) return;
  const told = different.slice(0, KEYS_SHOWN).map((name) =>
    `${name} is ${old.get(name) ?? "not set"} there and ${wanted.get(name) ?? "not set"} here`
  );
  const rest = different.length - told.length;
  const length = different.some((name) => /^schedule\.(steps|epochs)$/.test(name))
    ? " (the schedules follow the length of a run, so it cannot be made longer or shorter)"
    : "";
  throw new Failure(
    "output",
    `Cannot go on with "${directory}": it belongs to another configuration: ${told.join(", ")}` +
      `${rest > 0 ? ` and ${rest} more` : ""}${length}, ` +
      "repeat the command that started it or give another --out",
  );
}

/**
 * Reads what a run is.
 *
 * @throws {Failure} `missing`: no run there; `data`: the record is damaged
 */
export async function readRun(directory: string): Promise<RunRecord> {
  const path = join(directory, CONFIG_FILE);
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new Failure(
      "missing",
      `Cannot open the run "${directory}": "${path}" is not readable (${messageOf(error)}), ` +
        "give the directory that the pretrain stage has written",
      { cause: error },
    );
  }
  let record: Partial<RunRecord> | null = null;
  try {
    record = JSON.parse(text);
  } catch {
    // Reported below.
  }
  if (
    record?.format !== "ijepa-run" || record.version !== 1 || record.config === undefined ||
    record.origins === undefined || record.shards === undefined || record.runtime === undefined
  ) {
    throw new Failure(
      "data",
      `Cannot open the run "${directory}": "${path}" is not the record of a run in version 1, ` +
        "restore it from a copy or give another directory",
    );
  }
  return record as RunRecord;
}
