/** Opens files for reading, with failures that say what to do. */
import { Failure, messageOf } from "../failure.ts";
import { LARGEST_STAND_IN, standInReason } from "./stand_in.ts";
import { systemCode, systemReason } from "./system_error.ts";

/** The parts of a message about a file that cannot be opened. */
export interface Opening {
  /** Its beginning, up to the verb. @default `Cannot read "PATH": it` */
  readonly begin?: string;
  /** What to do when the file does not exist. @default "check the path" */
  readonly advice?: string;
}

/** What a file is a placeholder for; see {@link standInReason}. */
async function standInOf(file: Deno.FsFile): Promise<string | undefined> {
  const { size } = await file.stat();
  if (size > LARGEST_STAND_IN) return undefined;
  const bytes = new Uint8Array(size);
  const whole = await readFully(file, bytes, 0);
  await file.seek(0, Deno.SeekMode.Start);
  return whole ? standInReason(bytes) : undefined;
}

/**
 * Fails unless a path is a file, or a link to one. Reading a pipe could block, and a directory fails only when it is
 * read.
 */
export async function expectPlain(path: string): Promise<Deno.FileInfo> {
  const info = await Deno.stat(path);
  if (info.isDirectory) throw new Deno.errors.IsADirectory("it is a directory");
  if (!info.isFile) throw Object.assign(new Error("it is no file"), { code: "EFTYPE" });
  return info;
}

/** Opens a file for reading; fails on anything but a regular file. */
export async function openPlain(path: string): Promise<Deno.FsFile> {
  await expectPlain(path);
  return await Deno.open(path);
}

/**
 * Opens a file that the user gave, for reading.
 *
 * @throws {Failure} `missing`: not found, not readable, or no file; `data`: a pointer of Git LFS or git-annex in its
 * place
 */
export async function openInput(
  path: string,
  { begin = `Cannot read "${path}": it`, advice = "check the path" }: Opening = {},
): Promise<Deno.FsFile> {
  const refuse = (kind: "missing" | "data", why: string, cause?: unknown): Failure =>
    new Failure(kind, `${begin} ${why}`, { cause });
  let file: Deno.FsFile;
  try {
    file = await openPlain(path);
  } catch (error) {
    throw ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")
      ? refuse("missing", `does not exist, ${advice}`, error)
      : refuse(
        "missing",
        `is not readable (${systemReason(path, error) ?? messageOf(error)})`,
        error,
      );
  }
  const standIn = await standInOf(file);
  if (standIn === undefined) return file;
  file.close();
  throw refuse("data", `is ${standIn}`);
}

/**
 * Fills a buffer from a file: from the given byte on, or from its current position.
 *
 * @returns whether the file was long enough; the caller reports one that is not
 */
export async function readFully(
  file: Deno.FsFile,
  buffer: Uint8Array,
  at?: number,
): Promise<boolean> {
  if (at !== undefined) await file.seek(at, Deno.SeekMode.Start);
  for (let rest = buffer; rest.length > 0;) {
    const count = await file.read(rest);
    if (count === null) return false;
    rest = rest.subarray(count);
  }
  return true;
}
