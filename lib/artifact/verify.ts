/** Compares the files that a stage reads with the receipt of their artefact. */
import { basename, dirname, join } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { forEachConcurrently, sha256File, systemReason } from "../files/mod.ts";
import { ownFilesOf, sizeOf } from "./contents.ts";
import {
  type ArtifactKind,
  type FileRecord,
  readReceipt,
  type Receipt,
  receiptPath,
} from "./receipt.ts";

const HASHES_IN_FLIGHT = 8;

/** A file as a receipt lists it, and the path of that receipt. */
interface ListedFile {
  readonly receipt: Receipt;
  readonly path: string;
  readonly sha256: string;
}

async function listedFile(
  file: string,
  kind: ArtifactKind,
): Promise<ListedFile | undefined> {
  const [artifact, name] = [kind === "file" ? file : dirname(file), basename(file)];
  const receipt = await readReceipt(artifact, kind);
  const own = receipt && ownFilesOf(receipt, { kind, name })?.find(({ path }) => path === name);
  return receipt && own && { receipt, path: receiptPath(artifact, kind), sha256: own.sha256 };
}

function changed(
  { path, sha256 }: FileRecord,
  { receipt, path: where, sha256: wanted }: ListedFile,
  action: string,
): Failure {
  const what = receipt.former === undefined
    ? "was changed since it was made"
    : "is of an output that was being replaced";
  return new Failure(
    "data",
    `Cannot ${action}: "${path}" ${what}: wanted SHA-256 ${wanted}, got ${sha256}, make it again with ` +
      `"deno task ${receipt.stage}" and --force, or remove "${where}" to use it as it is`,
  );
}

/**
 * Fails when a file differs from its receipt: that beside it, or that of its directory. Without a receipt, or with one
 * of an older version, which lists no files, there is nothing to compare with.
 *
 * @param action for example `open the encoder "encoder"`: the message begins "Cannot ..."
 * @throws {Failure} `data`: names the file, the expected and the actual hash
 */
export async function expectUnchanged(file: FileRecord, action: string): Promise<void> {
  const real = await Deno.realPath(file.path);
  const listed = await listedFile(file.path, "file") ?? await listedFile(real, "file") ??
    await listedFile(file.path, "directory");
  if (listed !== undefined && listed.sha256 !== file.sha256) {
    throw changed(file, listed, action);
  }
}

/**
 * Hashes an input file and compares it with its receipt, if there is one.
 *
 * @throws {Failure} `missing`: not readable; `data`: changed since it was made
 */
export async function hashInput(path: string, action: string): Promise<FileRecord> {
  let sha256: string;
  try {
    // Reading a pipe could block for ever, and would consume it.
    if (!(await Deno.stat(path)).isFile) {
      throw new Failure("data", `Cannot ${action}: "${path}" is no file`);
    }
    sha256 = await sha256File(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    const reason = systemReason(path, error) ?? messageOf(error);
    throw new Failure("missing", `Cannot ${action}: "${path}" is not readable (${reason})`, {
      cause: error,
    });
  }
  await expectUnchanged({ path, sha256 }, action);
  return { path, sha256 };
}

/**
 * Compares the files of a whole directory with its receipt, if there is one; missing files are ignored.
 *
 * @throws {Failure} `data`: as {@link expectUnchanged}
 */
export async function expectUnchangedFiles(directory: string, action: string): Promise<void> {
  const path = receiptPath(directory, "directory");
  const receipt = await readReceipt(directory, "directory");
  if (receipt === undefined) return;
  await forEachConcurrently(receipt.output.contents ?? [], async (own) => {
    const file = join(directory, own.path);
    if (Number.isNaN(await sizeOf(file) ?? NaN)) return;
    const got = await sha256File(file);
    if (got === own.sha256) return;
    throw changed({ path: file, sha256: got }, { receipt, path, sha256: own.sha256 }, action);
  }, { inFlight: HASHES_IN_FLIGHT });
}
