/** Parses and validates foreign JSON: a failure names the path of the first wrong value. */
import { describeValue } from "./foreign_text.ts";
import { type BaseIssue, type BaseSchema, getDotPath, type InferOutput, safeParse } from "valibot";

/** A description of JSON values; see valibot. */
export type JsonSchema = BaseSchema<unknown, unknown, BaseIssue<unknown>>;

/** Why a JSON text cannot be used: part of a sentence, to which the caller adds the file. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/** valibot's expected types and kinds of checks, in words. */
const WORDS: Readonly<Record<string, string>> = {
  Array: "a list",
  Object: "an object",
  finite: "a finite number",
  integer: "a whole number",
  number: "a number",
  safe_integer: "a whole number",
  string: "a text",
};

function inWords({ expected, requirement, type }: BaseIssue<unknown>): string {
  const wanted = expected ?? (typeof requirement === "function" ? type : String(requirement));
  return WORDS[wanted] ?? wanted.replace(/^<=/, "at most ").replace(/^>=/, "at least ");
}

function describe(issue: BaseIssue<unknown>): string {
  const place = getDotPath(issue);
  if (issue.input === undefined) return `"${place}" is missing`;
  // A schema's own message states what is expected.
  const wanted = issue.message.startsWith("Invalid ") ? inWords(issue) : issue.message;
  return `${place === null ? "the whole" : `"${place}"`} wants ${wanted}, got ${
    describeValue(issue.input)
  }`;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new JsonError("it is not UTF-8 text", { cause: error });
  }
}

/**
 * The value of a JSON text, or of the bytes of one. A leading byte order mark, which PowerShell writes, is skipped.
 *
 * @throws {JsonError} not UTF-8, not JSON, or the first value that the schema refuses
 */
export function parseJson<S extends JsonSchema>(
  source: string | Uint8Array,
  schema: S,
): InferOutput<S> {
  const text = typeof source === "string" ? source : decode(source);
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new JsonError(`it is not JSON (${(error as Error).message})`, { cause: error });
  }
  const result = safeParse(schema, value, { abortEarly: true });
  if (!result.success) throw new JsonError(describe(result.issues[0]));
  return result.output;
}
