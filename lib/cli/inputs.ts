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

/** Texts that people write by hand are smaller. */
const LARGEST_INPUT_BYTES = 1e6;

/**
 * The text of a small input file that need not be given; a byte order mark is passed over.
 *
 * @throws {Failure} `missing`; `usage`: no file, too large, or not UTF-8
 */
export async function readInput(
  path: string | undefined,
  action: string,
  hint: string,
): Promise<{ readonly path: string; readonly text: string } | undefined> {
  if (path === undefined) return undefined;
  const refuse = (what: string): never => {
    throw new Failure("usage", `Cannot ${action}: "${path}" ${what}, ${hint}`);
  };
  let bytes: Uint8Array;
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) refuse("is not a file");
    if (size > LARGEST_INPUT_BYTES) {
      refuse(`has ${size} bytes, wanted at most ${LARGEST_INPUT_BYTES}`);
    }
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw unreadable(path, action, { hint, error });
  }
  try {
    return { path, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return refuse("is not UTF-8 text");
  }
}
