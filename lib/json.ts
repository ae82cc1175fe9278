/** JSON from outside: parsed, held against a schema, and refused with the path of the first value that is wrong. */
import { type BaseIssue, type BaseSchema, getDotPath, type InferOutput, safeParse } from "valibot";

/** A description of JSON values; see valibot. */
export type JsonSchema = BaseSchema<unknown, unknown, BaseIssue<unknown>>;

/** A JSON text that cannot be used, and why: part of a sentence, for whoever knows which file it was. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

const LONGEST_VALUE = 60;

function textOf(value: unknown): string {
  try {
    return typeof value === "bigint" ? `${value}` : JSON.stringify(value) ?? String(value);
  } catch {
    return "a value that is nested too deeply"; // JSON.parse() has no such bound.
  }
}

/** A value as a message shows it. */
export function shortly(value: unknown): string {
  const text = textOf(value);
  return text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE)}...`;
}

/** `<=8` in words. */
function inWords(wanted: string): string {
  return wanted.replace(/^<=/, "at most ").replace(/^>=/, "at least ").replace(
    /^Object$/,
    "an object",
  )
    .replace(/^Array$/, "a list");
}

function describe(issue: BaseIssue<unknown>): string {
  const place = getDotPath(issue);
  if (issue.input === undefined) return `"${place}" is missing`;
  // A message that a schema gives itself says what it wants; the others say it in valibot's words.
  const wanted = issue.message.startsWith("Invalid ")
    ? inWords(issue.expected ?? String(issue.requirement ?? issue.type))
    : issue.message;
  return `${place === null ? "the whole" : `"${place}"`} wants ${wanted}, got ${
    shortly(issue.input)
  }`;
}

/**
 * The value of a JSON text. A byte order mark in front, which PowerShell writes, is passed over.
 *
 * @throws {JsonError} not JSON, or the first value that the schema refuses
 */
export function parseJson<S extends JsonSchema>(text: string, schema: S): InferOutput<S> {
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
