import type { InferOutput } from "valibot";
import { Failure, type FailureKind, messageOf } from "../failure.ts";
import { type JsonSchema, parseJson } from "../json.ts";
import { systemCode, systemReason } from "./system_error.ts";

/** Larger texts are none of ours, unless a reader says so. */
const LARGEST_BYTES = 64e6;

/** What a message about an unusable file says. */
export interface JsonReading {
  /** For example `open the run "run"`: the message begins "Cannot ...". */
  readonly action: string;
  /** What to do about it, for example `export the encoder again`. */
  readonly advice: string;
  /** Kind of the failure when the file is there and wrong. @default "data" */
  readonly kind?: FailureKind;
  /** @default 64 MB */
  readonly largestBytes?: number;
}

/**
 * Reads a JSON file and holds it against a schema.
 *
 * @throws {Failure} `missing`: not there or not readable; `data` (or the given kind): too large, not UTF-8, not JSON, or
 * a value that the schema refuses, named by its path
 */
export async function readJson<S extends JsonSchema>(
  path: string,
  schema: S,
  { action, advice, kind = "data", largestBytes = LARGEST_BYTES }: JsonReading,
): Promise<InferOutput<S>> {
  const refuse = (failure: FailureKind, what: string, cause?: unknown): never => {
    throw new Failure(failure, `Cannot ${action}: "${path}" ${what}, ${advice}`, { cause });
  };
  let bytes: Uint8Array;
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) refuse(kind, "is no file"); // Reading a pipe would wait for ever.
    if (size > largestBytes) {
      refuse(kind, `has ${size} bytes, wanted at most ${largestBytes}`);
    }
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (systemCode(error) === "ENOENT") refuse("missing", "does not exist", error);
    return refuse(
      "missing",
      `is not readable (${systemReason(path, error) ?? messageOf(error)})`,
      error,
    );
  }
  try {
    return parseJson(bytes, schema);
  } catch (error) {
    return refuse(kind, `cannot be used: ${messageOf(error)}`, error);
  }
}
