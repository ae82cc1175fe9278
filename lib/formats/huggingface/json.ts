import { Failure, messageOf } from "../../failure.ts";

/**
 * Reads a JSON object.
 *
 * @throws {Failure} `data`: not JSON, or not an object
 */
export function parseObject(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    refuse(path, `it is not JSON (${messageOf(error)})`);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    refuse(path, "it is not a JSON object");
  }
  return value as Record<string, unknown>;
}

/** @throws {Failure} `data`: always */
export function refuse(path: string, what: string): never {
  throw new Failure(
    "data",
    `Cannot read "${path}": ${what}, give an I-JEPA encoder in Hugging Face layout, for example one ` +
      `that "deno task checkpoint" wrote`,
  );
}

/** Whether a value is a positive whole number. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** A number, or a list of height and width. */
export function sidesOf(value: unknown): readonly [number, number] | undefined {
  if (isCount(value)) return [value, value];
  if (!Array.isArray(value) || value.length !== 2 || !value.every(isCount)) return undefined;
  return value as [number, number];
}
