/** Schema pieces and failures that the JSON files of an encoder share. */
import * as v from "valibot";
import { Failure } from "../../failure.ts";
import { JsonError, type JsonSchema, parseJson } from "../../json.ts";

/**
 * Reads the text of a file of an encoder.
 *
 * @throws {Failure} `data`: not JSON, or the first value that the schema refuses
 */
export function parseFile<S extends JsonSchema>(
  text: string,
  path: string,
  schema: S,
): v.InferOutput<S> {
  try {
    return parseJson(text, schema);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return refuse(path, error.message);
  }
}

/** @throws {Failure} `data`: always */
export function refuse(path: string, what: string): never {
  throw new Failure(
    "data",
    `Cannot read "${path}": ${what}, give an I-JEPA encoder in Hugging Face layout, for example one ` +
      `that "deno task checkpoint" wrote`,
  );
}

/** A positive whole number, with an upper bound, since memory is taken by these. */
export function count(most: number) {
  const wanted = `a whole number from 1 to ${most}`;
  return v.pipe(
    v.number(wanted),
    v.integer(wanted),
    v.minValue(1, wanted),
    v.maxValue(most, wanted),
  );
}

/** Pixels of a side. */
export const LARGEST_SIDE = 16_384;
