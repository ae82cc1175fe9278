/** Checks of input paths before a stage starts its work. */
import { resolve } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { readText, systemCode, systemReason } from "../files/mod.ts";

/** Fails unless an input file or directory exists. @throws {Failure} `missing` */
export async function expectInput(path: string, action: string, hint: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (error) {
    const isAbsent = ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "");
    const what = isAbsent
      ? `does not exist, ${hint}`
      : `is not readable: ${systemReason(resolve(path), error) ?? messageOf(error)}`;
    throw new Failure("missing", `Cannot ${action}: "${path}" ${what}`, { cause: error });
  }
}

/**
 * The text of an optional file.
 *
 * @throws {Failure} `missing`; `usage`: too large for one written by hand, or not UTF-8
 */
export async function readInput(
  path: string | undefined,
  action: string,
  advice: string,
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  if (path === undefined) return undefined;
  return { path, text: await readText(path, { action, advice, kind: "usage" }) };
}
