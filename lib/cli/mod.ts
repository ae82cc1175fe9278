/**
 * The manners of a command: flags, help, progress, atomic artefacts with receipts, locks, exit codes.
 *
 * @module
 */
export {
  type ArtifactSpec,
  expectInput,
  makeArtifact,
  type Outcome,
  readInput,
} from "./artifact.ts";
export { describeFlags, type Flag, type FlagTable, type Options, parseFlags } from "./flags.ts";
export { type Command, type Context, main, VERSION } from "./main.ts";
export { formatDuration, formatRate, Progress } from "./progress.ts";
export {
  type FileRecord,
  type Making,
  type OutputRecord,
  readReceipt,
  type Receipt,
  receiptPath,
  receiptText,
} from "./receipt.ts";
