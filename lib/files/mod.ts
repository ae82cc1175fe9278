/**
 * The file system with care: atomic writes, locks, hashes, and errors that name the output.
 *
 * @module
 */
export { canonicalJson, sha256, sha256File } from "./hash.ts";
export { holdLock } from "./lock.ts";
export { outputFailure, syncPath, writeFileAtomically } from "./write.ts";
