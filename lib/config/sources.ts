/** What a file, `--set` and flags state, as layers of a configuration, checked value by value. */
import { Failure, messageOf } from "../failure.ts";
import { describeValue } from "../foreign_text.ts";
import { nearest, suggestion } from "../nearest.ts";
import { repeatedKey } from "../repeated_key.ts";
import { EITHER, FIELDS, GROUPS, KEYS } from "./fields.ts";
import { type Layer, presetLayer } from "./layers.ts";

/** The flags of `pretrain` that are configuration values. */
export interface ConfigFlags {
  readonly steps?: number | undefined;
  readonly epochs?: number | undefined;
  readonly batch?: number | undefined;
  readonly accumulate?: number | undefined;
  readonly seed?: number | undefined;
  readonly checkpointSteps?: number | undefined;
}

/** A configuration file, as text or parsed: a partial `PretrainConfig`. Messages name the path. */
export type ConfigFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly values: unknown };

/** Where values come from; later ones win, in the order of the members. */
export interface ConfigSources {
  readonly preset?: string | undefined;
  readonly file?: ConfigFile | undefined;
  /** Texts like `"masks.minKeep=4"`. */
  readonly sets?: readonly string[] | undefined;
  readonly flags?: ConfigFlags | undefined;
}

function refuse(text: string): never {
  throw new Failure("usage", `Cannot use the configuration: ${text}`);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as the user wrote it. */
function show(value: unknown): string {
  return typeof value === "number" ? String(value) : describeValue(value);
}

/** `batch` and `model.batch` mean `run.batch`; else the nearest key, else those of the group, else the groups. */
function suggestKey(name: string): string {
  const [group = "", key = group] = name.split(".");
  const ofGroup = KEYS.filter((known) => known.startsWith(`${group}.`));
  const lastPart = (known: string) => known.slice(known.indexOf(".") + 1);
  const close = nearest(key, ofGroup.map(lastPart)) ?? nearest(key, KEYS.map(lastPart));
  const named = [...ofGroup, ...KEYS].find((known) => lastPart(known) === close);
  if (named !== undefined) return `, did you mean "${named}"?`;
  const choices = ofGroup.length > 0 ? ofGroup : GROUPS.map((known) => `${known}.…`);
  return `, expected one of ${choices.map((choice) => `"${choice}"`).join(", ")}`;
}

function checkValue(name: string, value: unknown, origin: string): void {
  const [group, key] = name.split(".") as [string, string];
  const fields: Readonly<Record<string, (typeof FIELDS)["run"]["batch"]>> | undefined =
    Object.hasOwn(FIELDS, group) ? FIELDS[group as keyof typeof FIELDS] : undefined;
  const field = fields !== undefined && Object.hasOwn(fields, key) ? fields[key] : undefined;
  if (field === undefined) refuse(`${origin} has an unknown key "${name}"${suggestKey(name)}`);
  if (!field.accepts(value)) {
    refuse(`${name} from ${origin} wants ${field.wanted}, got ${show(value)}`);
  }
}

function checkLayer({ origin, values }: Layer): void {
  for (const [group, entries] of Object.entries(values)) {
    for (const [key, value] of Object.entries(entries)) {
      checkValue(`${group}.${key}`, value, origin);
    }
  }
  for (const [inSteps, inEpochs] of EITHER) {
    const { schedule = {} } = values;
    if (Object.hasOwn(schedule, inSteps) && Object.hasOwn(schedule, inEpochs)) {
      refuse(
        `${origin} gives both schedule.${inSteps} and schedule.${inEpochs}, keep one of them`,
      );
    }
  }
}

function parseText(text: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, "")); // PowerShell writes a leading byte order mark.
  } catch (error) {
    const reason = messageOf(error).replace(/\s+/g, " ");
    throw new Failure(
      "usage",
      `Cannot read the configuration "${path}": it is not JSON (${reason}), ` +
        'wanted groups of values like {"run": {"batch": 128}}',
    );
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) refuse(`config ${path} has "${repeated}" twice, keep one of them`);
  return value;
}

function fileLayer(file: ConfigFile): Layer {
  const { path } = file;
  const values = "text" in file ? parseText(file.text, path) : file.values;
  const origin = `config ${path}`;
  if (!isPlainObject(values)) {
    refuse(`${origin} wants groups of values like {"run": {"batch": 128}}, got ${show(values)}`);
  }
  for (const [group, entries] of Object.entries(values)) {
    if (!Object.hasOwn(FIELDS, group)) {
      const hint = KEYS.some((key) => key.endsWith(`.${group}`))
        ? suggestKey(group)
        : suggestion(group, GROUPS);
      refuse(`${origin} has an unknown group "${group}"${hint}`);
    }
    if (!isPlainObject(entries)) {
      refuse(`${group} from ${origin} wants an object of values, got ${show(entries)}`);
    }
  }
  return { origin, values: values as Layer["values"] };
}

/** A number as JSON has it, and `.5`, `5.` and `+5`; not hexadecimal, not of another script. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** `12`, `1e-3` are numbers, `true` and `false` are booleans, `[a,b]` is a list of these, the rest is text. */
function parseValue(text: string): unknown {
  const list = /^\s*\[(.*)\]\s*$/s.exec(text);
  return list === null ? parseSingle(text) : list[1]!.split(",").map(parseSingle);
}

function parseSingle(text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "true" || trimmed === "false") return trimmed === "true";
  return NUMBER.test(trimmed) ? Number(trimmed) + 0 : trimmed;
}

function setLayer(sets: readonly string[]): Layer {
  const values: Record<string, Record<string, unknown>> = {};
  for (const text of sets) {
    const match = /^\s*([^=\s]+)\s*=(.*)$/s.exec(text);
    if (match === null) {
      refuse(`--set wants group.key=value, for example --set run.batch=128, got "${text}"`);
    }
    const [, name, value] = match as unknown as [string, string, string];
    if (!KEYS.includes(name)) refuse(`--set has an unknown key "${name}"${suggestKey(name)}`);
    const [group, key] = name.split(".") as [string, string];
    (values[group] ??= {})[key] = parseValue(value);
  }
  return { origin: "--set", values };
}

/** Name on the command line, group and key of each flag. */
const FLAGS = [
  ["steps", "--steps", "schedule"],
  ["epochs", "--epochs", "schedule"],
  ["batch", "--batch", "run"],
  ["accumulate", "--accumulate", "run"],
  ["seed", "--seed", "run"],
  ["checkpointSteps", "--checkpoint-steps", "run"],
] as const;

function flagLayers(flags: ConfigFlags): Layer[] {
  if (flags.steps !== undefined && flags.epochs !== undefined) {
    refuse("the command line gives both --steps and --epochs, keep one of them");
  }
  return FLAGS.filter(([key]) => flags[key] !== undefined).map(([key, origin, group]) => ({
    origin,
    values: { [group]: { [key]: flags[key] } },
  }));
}

/** The values that the sources state, checked one by one; later layers win. */
export interface StatedLayers {
  /** Those of the preset. */
  readonly below: readonly Layer[];
  /** Those of file, `--set` and flags. */
  readonly above: readonly Layer[];
}

/** Reads and checks the sources. @throws {Failure} `usage`: an unknown preset or key, a value of the wrong type or size */
export function statedLayers({ preset, file, sets = [], flags = {} }: ConfigSources): StatedLayers {
  const below = preset === undefined ? [] : [presetLayer(preset)];
  const above = [
    ...file === undefined ? [] : [fileLayer(file)],
    setLayer(sets),
    ...flagLayers(flags),
  ];
  for (const layer of [...below, ...above]) checkLayer(layer);
  return { below, above };
}
