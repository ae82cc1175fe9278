import { resolve } from "node:path";
import { Failure, messageOf } from "../failure.ts";
import { systemCode, systemReason } from "../files/mod.ts";

function unreadable(path: string, action: string, { hint, error }: {
  readonly hint: string;
  readonly error: unknown;
}): Failure {
  const isAbsent = ["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "");
  const what = isAbsent
    ? `does not exist, ${hint}`
    : `is not readable: ${systemReason(resolve(path), error) ?? messageOf(error)}`;
  return new Failure("missing", `Cannot ${action}: "${path}" ${what}`, { cause: error });
}

/** Fails unless an input file or directory is there. @throws {Failure} `missing` */
export async function expectInput(path: string, action: string, hint: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (error) {
    throw unreadable(path, action, { hint, error });
  }
}

/** The text of an input file that need not be given. @throws {Failure} `missing` */
export async function readInput(
  path: string | undefined,
  action: string,
  hint: string,
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  if (path === undefined) return undefined;
  try {
    return { path, text: await Deno.readTextFile(path) };
  } catch (error) {
    throw unreadable(path, action, { hint, error });
  }
}
