/**
 * What all commands share: flags, help, inputs, progress, signals, exit codes.
 *
 * @module
 */
export { describeFlags, type Flag, type FlagTable, type Options, parseFlags } from "./flags.ts";
export { expectInput, readInput } from "./inputs.ts";
export { type LateProgressOptions, withLateProgress } from "./late_progress.ts";
export { type Command, type Context, main, VERSION } from "./main.ts";
export { printLines, printMessage } from "../messages.ts";
export { formatDuration, formatRate, Progress, SmoothedSeconds } from "./progress.ts";
