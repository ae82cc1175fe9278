/** The limit on open files, checked before threads start. */
import { fileURLToPath } from "node:url";
import { Failure } from "../failure.ts";
import { systemCode, systemReason } from "./system_error.ts";

/** Files that Deno opens for a thread (measured: 6 to 8), and those that threads open while they start. */
const FILES_PER_THREAD = 8, FILES_OF_A_START = 4;

/**
 * Fails unless the limit on open files allows so many more threads: Deno itself would end without a message.
 *
 * @throws {Failure} `unavailable`
 */
export function expectRoomForThreads(threads: number): void {
  if (!import.meta.url.startsWith("file:")) return;
  const path = fileURLToPath(import.meta.url),
    wanted = threads * FILES_PER_THREAD + FILES_OF_A_START;
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < wanted) files.push(Deno.openSync(path));
  } catch (error) {
    if (!["EMFILE", "ENFILE"].includes(systemCode(error) ?? "")) return;
    throw new Failure(
      "unavailable",
      `Cannot start ${threads} thread${threads > 1 ? "s" : ""}: wanted ${wanted} more files, got ` +
        `${files.length}: ${systemReason(path, error)}, raise the limit`,
      { cause: error },
    );
  } finally {
    for (const file of files) file.close();
  }
}
