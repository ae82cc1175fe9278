/**
 * Outputs of stages: artefacts that appear whole, with receipts that list their files; and the check of such files when
 * they are read.
 *
 * @module
 */
export { type ArtifactSpec, makeArtifact, type Outcome } from "./make.ts";
export {
  type FileRecord,
  type Making,
  type OutputRecord,
  type OwnFile,
  readReceipt,
  type Receipt,
  RECEIPT_FILE,
  receiptOfGrown,
  receiptPath,
  receiptText,
} from "./receipt.ts";
export { removeTemporaries } from "./staging.ts";
export { expectUnchanged, expectUnchangedFiles, hashInput } from "./verify.ts";
