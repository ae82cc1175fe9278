/**
 * Access to the file system: atomic writes, locks, hashes, and failures that name the file.
 *
 * @module
 */
export { forEachConcurrently } from "./concurrent.ts";
export { canonicalJson, sha256, sha256File, sha256Lines } from "./hash.ts";
export { holdLock, type LockOptions } from "./lock.ts";
export { expectPlain, openInput, readFully } from "./read.ts";
export { expectRoomForThreads } from "./room.ts";
export { readJson, readSmallFile, readText, type SmallFile } from "./small.ts";
export { LARGEST_STAND_IN, standInReason } from "./stand_in.ts";
export { systemCode, systemFailure, systemReason } from "./system_error.ts";
export {
  outputFailure,
  syncEntry,
  syncEntrySync,
  syncFile,
  syncPath,
  writeFileAtomically,
} from "./write.ts";
export { writeAll, writeAllSync } from "./write_all.ts";
