/**
 * The configuration of pretraining: settings with their bounds, presets, and one checked configuration of all sources.
 *
 * @module
 */
export { describePlan } from "./describe.ts";
export { CONFIG_FLAGS, LENGTH_FLAGS } from "./flags.ts";
export { checkGeometry } from "./geometry.ts";
export { DEFAULT_PRESET, type Preset, PRESET_NAMES, PRESETS } from "./presets.ts";
export { describeProposal, type ImagesSeen, isModelStated, proposePreset } from "./proposal.ts";
export { isStated, resolveConfig, type ResolvedConfig, resolveRecorded } from "./resolve.ts";
export * from "./settings.ts";
export type { ConfigFile, ConfigFlags, ConfigSources } from "./sources.ts";
