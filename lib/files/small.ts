/**
 * Reads files that must be small: their size is checked before memory is taken.
 *
 * @module
 */
import type { InferOutput } from "valibot";
import { Failure, type FailureKind, messageOf } from "../failure.ts";
import { type JsonSchema, parseJson } from "../json.ts";
import { openInput, readFully } from "./read.ts";
import { systemReason } from "./system_error.ts";

/** More than anyone writes by hand. */
const LARGEST_TEXT_BYTES = 1e6;
/** Larger ones are foreign, unless a reader sets another limit. */
const LARGEST_JSON_BYTES = 64e6;

/** The parts of a message about an unusable file, and the size limit. */
export interface SmallFile {
  /** For example `open the run "run"`: the message begins "Cannot ...". */
  readonly action: string;
  /** What to do about it, for example `export the encoder again`. */
  readonly advice: string;
  /** Kind of the failure when the file exists and is wrong. @default "data" */
  readonly kind?: FailureKind;
  /** @default 1 MB for text, 64 MB for JSON */
  readonly largestBytes?: number;
}

function refusal(path: string, { action, advice, kind = "data" }: SmallFile) {
  return (what: string, cause?: unknown): Failure =>
    new Failure(kind, `Cannot ${action}: "${path}" ${what}, ${advice}`, { cause });
}

/**
 * The bytes of a small file.
 *
 * @throws {Failure} `missing`: not found, not readable, or no file; `data`: a pointer of Git LFS or git-annex in its
 * place; of the given kind: too large
 */
export async function readSmallFile(
  path: string,
  file: SmallFile & { readonly largestBytes: number },
): Promise<Uint8Array> {
  const { action, advice, largestBytes } = file, refuse = refusal(path, file);
  using opened = await openInput(path, { begin: `Cannot ${action}: "${path}"`, advice });
  let isWhole: boolean, bytes: Uint8Array;
  try {
    const { size } = await opened.stat();
    if (size > largestBytes) throw refuse(`has ${size} bytes, wanted at most ${largestBytes}`);
    bytes = new Uint8Array(size);
    isWhole = await readFully(opened, bytes);
  } catch (error) {
    const reason = error instanceof Failure ? undefined : systemReason(path, error);
    if (reason === undefined) throw error;
    throw new Failure("missing", `Cannot ${action}: "${path}" is not readable (${reason})`, {
      cause: error,
    });
  }
  if (!isWhole) throw refuse("became shorter while it was read");
  return bytes;
}

/**
 * The text of a small file; a leading byte order mark is skipped.
 *
 * @throws {Failure} as {@link readSmallFile}; of the given kind: not UTF-8
 */
export async function readText(path: string, file: SmallFile): Promise<string> {
  const bytes = await readSmallFile(path, { largestBytes: LARGEST_TEXT_BYTES, ...file });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw refusal(path, file)("is not UTF-8 text", error);
  }
}

/**
 * Reads a JSON file and validates it by a schema.
 *
 * @throws {Failure} as {@link readSmallFile}; of the given kind: not UTF-8, not JSON, or a value that the schema
 * refuses, named by its path
 */
export async function readJson<S extends JsonSchema>(
  path: string,
  schema: S,
  file: SmallFile,
): Promise<InferOutput<S>> {
  const bytes = await readSmallFile(path, { largestBytes: LARGEST_JSON_BYTES, ...file });
  try {
    return parseJson(bytes, schema);
  } catch (error) {
    throw refusal(path, file)(`cannot be used: ${messageOf(error)}`, error);
  }
}
