/** `config.json` of a run: what identifies the run, and its comparison with the present configuration. */
import { join } from "node:path";
import * as v from "valibot";
import { Failure, messageOf } from "../failure.ts";
import { readJson } from "../files/mod.ts";
import { type PretrainConfig, resolveRecorded } from "../config/mod.ts";
import { FIELDS } from "../config/fields.ts";

/** Weights that a run started from. */
export interface WeightsOrigin {
  /** As the user gave it: a file, an encoder's directory or a run. */
  readonly path: string;
  /** The file that held the weights, and its hash. */
  readonly file: string;
  readonly sha256: string;
}

/** The content of a run's `config.json`: all that decides the outcome, and the origin of each value. */
export interface RunRecord {
  readonly format: "ijepa-run";
  readonly version: 1;
  /** The tool's version that started the run. */
  readonly tool: string;
  readonly config: PretrainConfig;
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
  /** The runtime at the start. A run may resume on another; results are equal to the bit on the same only. */
  readonly runtime: { readonly name: string; readonly description: string };
}

/** Name of the record inside a run directory. */
export const CONFIG_FILE = "config.json";

const HASH = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits"));

/** Values that affect when files are written, not training: they may change when a run resumes. */
const FREE_KEYS = ["run.checkpointSteps", "run.keepLast", "run.keepEvery"];

const KEYS_SHOWN = 3;

/** What identifies a run. */
export type RunIdentity = Pick<RunRecord, "config" | "shards" | "initFrom">;

/** What identifies a run, by name, as text: settings as `group.key`, and the hashes of its inputs. */
export type DecisiveValues = ReadonlyMap<string, string>;

export function decisiveValues({ config, shards, initFrom }: RunIdentity): DecisiveValues {
  const entries = Object.entries(config).flatMap(([group, values]) =>
    Object.entries(values as Readonly<Record<string, unknown>>).map(([key, value]) =>
      [`${group}.${key}`, JSON.stringify(value)] as const
    )
  );
  return new Map([
    ...entries.filter(([name]) => !FREE_KEYS.includes(name)),
    ["shards", shards.manifestSha256.slice(0, 12)],
    ["split", shards.split],
    ["images", String(shards.images)],
    // By content: the same weights may have moved.
    ...initFrom === undefined ? [] : [["--init-from", initFrom.sha256.slice(0, 12)] as const],
  ]);
}

/**
 * Whether contexts had the length that each batch allowed, as in earlier versions, whose masks this one cannot draw.
 */
function followsTheBatch({ config: { masks } }: RunIdentity): boolean {
  return masks.strategy === "multiblock" && masks.sampler === "full" &&
    masks.contextKeepFraction === 1;
}

/**
 * Refuses to resume a run under another configuration or on other images.
 *
 * @throws {Failure} `output`: names the first values that differ, on both sides
 */
export function expectSameRun(directory: string, there: RunIdentity, here: RunIdentity): void {
  const [old, wanted] = [decisiveValues(there), decisiveValues(here)];
  const names = [...new Set([...old.keys(), ...wanted.keys()])];
  const different = names.filter((name) => old.get(name) !== wanted.get(name));
  if (different.length === 0) return;
  if (followsTheBatch(there)) {
    throw new Failure(
      "output",
      `Cannot go on with "${directory}": an earlier version began it with contexts as long as each batch ` +
        "allowed (masks.contextKeepFraction 1), and here all contexts of a run have one length, " +
        "go on with that version or give another --out; its checkpoints stay as they are and can be exported",
    );
  }
  const shown = different.slice(0, KEYS_SHOWN).map((name) =>
    `${name} is ${old.get(name) ?? "not set"} there and ${wanted.get(name) ?? "not set"} here`
  );
  const rest = different.length - shown.length;
  const length = different.some((name) => /^schedule\.(steps|epochs)$/.test(name))
    ? " (the schedules follow the length of a run, so it cannot be made longer or shorter)"
    : "";
  throw new Failure(
    "output",
    `Cannot go on with "${directory}": it belongs to another configuration: ${shown.join(", ")}` +
      `${rest > 0 ? ` and ${rest} more` : ""}${length}, ` +
      "repeat the command that started it or give another --out",
  );
}

/**
 * Refuses a record with other values than the run had. Compares only values that both have.
 *
 * @param then the values that it had; `when`, for the message
 * @throws {Failure} `data`: names the first values that differ
 */
export function expectValues(
  directory: string,
  record: RunRecord,
  { then, when }: { readonly then: DecisiveValues; readonly when: string },
): void {
  const now = decisiveValues(record);
  const changed = [...then].filter(([name, value]) => (now.get(name) ?? value) !== value)
    .map(([name, value]) => `${name} from ${value} to ${now.get(name)}`);
  if (changed.length === 0) return;
  const rest = changed.length - KEYS_SHOWN;
  throw new Failure(
    "data",
    `Cannot open the run "${directory}": ${CONFIG_FILE} was changed since ${when}: ` +
      `${changed.slice(0, KEYS_SHOWN).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}, ` +
      "restore the file from a copy",
  );
}

/** Schema to refuse damaged files and those of another kind. Values of settings are checked by their own table. */
const SCHEMA = v.looseObject({
  format: v.literal("ijepa-run"),
  version: v.literal(1),
  tool: v.string(),
  config: v.unknown(),
  origins: v.record(v.string(), v.string()),
  shards: v.looseObject({
    manifestSha256: HASH,
    split: v.string(),
    images: v.pipe(v.number(), v.safeInteger("a whole number"), v.minValue(1)),
  }),
  initFrom: v.exactOptional(v.looseObject({ path: v.string(), file: v.string(), sha256: HASH })),
  runtime: v.looseObject({ name: v.string(), description: v.string() }),
});

type WrittenRecord = v.InferOutput<typeof SCHEMA>;

type Values = Readonly<Record<string, unknown>>;

/** The groups of settings as written; {@link resolveRecorded} reports those that are not objects. */
function groupsOf({ config }: WrittenRecord): Readonly<Record<string, Values>> {
  const isObject = (value: unknown): value is Values => typeof value === "object" && value !== null;
  const groups = isObject(config) ? Object.entries(config) : [];
  return Object.fromEntries(
    groups.filter((group): group is [string, Values] => isObject(group[1])),
  );
}

/** Refuses a setting of a later version, and names that version. */
function expectKnown(refuse: (what: string) => never, written: WrittenRecord): void {
  for (const [group, values] of Object.entries(groupsOf(written))) {
    const fields = Object.hasOwn(FIELDS, group) ? FIELDS[group as keyof typeof FIELDS] : {};
    const unknown = Object.keys(values).find((key) => !Object.hasOwn(fields, key));
    if (unknown === undefined) continue;
    refuse(
      `it was begun by version "${written.tool}" with the setting ${group}.${unknown}, ` +
        "which this version does not know, go on with that version",
    );
  }
}

/** A run as it is read. */
export interface ReadRun {
  readonly record: RunRecord;
  /** Settings newer than the version that began the run, `group.key`; they have their defaults. */
  readonly filled: readonly string[];
}

/**
 * Reads the record of a run, and which settings are newer than the run.
 *
 * @throws {Failure} `missing`: no run; `data`: the record is damaged, or has a value or setting that this version does
 * not accept
 */
export async function readWithDefaults(directory: string): Promise<ReadRun> {
  const path = join(directory, CONFIG_FILE), action = `open the run "${directory}"`;
  const written = await readJson(path, SCHEMA, {
    action,
    advice: "give the directory of a run, or restore the file from a copy",
  });
  const refuse = (what: string, cause?: unknown): never => {
    throw new Failure("data", `Cannot ${action}: ${what}`, { cause });
  };
  expectKnown(refuse, written);
  try {
    const { config, origins } = resolveRecorded({ file: { path, values: written.config } });
    const groups = groupsOf(written);
    const filled = Object.keys(origins).filter((name) => {
      const [group, key] = name.split(".") as [string, string];
      return !Object.hasOwn(groups[group] ?? {}, key);
    });
    const added = Object.fromEntries(filled.map((name) => [name, origins[name]!]));
    const record = { ...written, config, origins: { ...written.origins, ...added } };
    return { record, filled };
  } catch (error) {
    return refuse(messageOf(error), error);
  }
}
