/** One complete, checked configuration from defaults, preset, file, `--set` and flags, each value with its origin. */
import { gridOf } from "../model/config.ts";
import { checkMaskGeometry } from "../model/masks.ts";
import { EITHER, GROUPS, KEYS } from "./fields.ts";
import { checkGeometry } from "./geometry.ts";
import { followingLayer, type Layer, regularizerLayer, strategyLayer } from "./layers.ts";
import { DEFAULTS, modelConfigOf, type PretrainConfig } from "./settings.ts";
import { type ConfigSources, statedLayers } from "./sources.ts";

/** A complete configuration and, by `group.key`, where each value was stated. */
export interface ResolvedConfig {
  readonly config: PretrainConfig;
  /** `default`, `preset NAME`, `strategy NAME` (of the masks), `config FILE`, `--set`, or the flag. */
  readonly origins: Readonly<Record<string, string>>;
}

/** Whether a value of this origin was stated for this run, not by a default or preset. */
export function isStated(origin: string): boolean {
  return origin !== "default" && !origin.startsWith("preset ");
}

function merge(layers: readonly Layer[]): ResolvedConfig {
  const stated = new Map<string, { readonly value: unknown; readonly origin: string }>();
  for (const { origin, values } of layers) {
    for (const [group, entries] of Object.entries(values)) {
      for (const [key, value] of Object.entries(entries)) {
        const pair = EITHER.find((names) => names.some((name) => name === key)) ?? [];
        for (const name of pair) stated.delete(`${group}.${name}`);
        stated.set(`${group}.${key}`, { value, origin });
      }
    }
  }
  // In the order of KEYS, so that equal configurations print as equal JSON.
  const config: Record<string, Record<string, unknown>> = Object.fromEntries(
    GROUPS.map((group) => [group, {}]),
  );
  const origins: Record<string, string> = {};
  for (const name of KEYS) {
    const entry = stated.get(name);
    if (entry === undefined) continue;
    const [group, key] = name.split(".") as [string, string];
    config[group]![key] = entry.value;
    origins[name] = entry.origin;
  }
  return { config: config as unknown as PretrainConfig, origins };
}

/**
 * The configuration of an existing run. Its masks may be those of an earlier version and matter only if the run
 * resumes, so whether they can be drawn is not checked.
 *
 * @throws {Failure} `usage`: as {@link resolveConfig}, masks aside
 */
export function resolveRecorded(sources: ConfigSources): ResolvedConfig {
  const { below, above } = statedLayers(sources);
  const defaults = { origin: "default", values: DEFAULTS as unknown as Layer["values"] };
  const stated = [...below, ...above];
  const resolved = merge([
    defaults,
    followingLayer(merge([defaults, ...stated]).config),
    regularizerLayer(below),
    ...below,
    strategyLayer(stated),
    regularizerLayer(above),
    ...above,
  ]);
  checkGeometry(resolved.config);
  return resolved;
}

/**
 * One complete, checked configuration from all sources.
 *
 * @throws {Failure} `usage`: a file that is not JSON, unknown preset or key (with the nearest known one), a value of the
 * wrong type or size, or geometry that cannot work
 */
export function resolveConfig(sources: ConfigSources): ResolvedConfig {
  const resolved = resolveRecorded(sources);
  const { masks } = resolved.config;
  checkMaskGeometry(masks, gridOf(modelConfigOf(resolved.config).encoder));
  return resolved;
}
