/**
 * The manners of a command: flags, help, progress, atomic artefacts with receipts, locks, exit codes.
 *
 * @module
 */
export {
  type ArtifactSpec,
  expectInput,
  type FileRecord,
  makeArtifact,
  type Outcome,
  type Receipt,
  receiptPath,
} from "./artifact.ts";
export { describeFlags, type Flag, type FlagTable, type Options, parseFlags } from "./flags.ts";
export { type Command, type Context, main, VERSION } from "./main.ts";
export { formatDuration, Progress } from "./progress.ts";
