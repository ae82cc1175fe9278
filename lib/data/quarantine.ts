/** The list of images that cannot be used, and the limit on their number. */
import { resolve } from "node:path";
import { strictObject, string } from "valibot";
import { Failure, messageOf } from "../failure.ts";
import { systemCode, systemReason, writeFileAtomically } from "../files/mod.ts";
import { forJsonLine } from "../foreign_text.ts";
import { parseJson } from "../json.ts";
import type { BadFile } from "./listing.ts";

/** Name of the list of bad files inside a shards directory: JSON Lines of path and reason. */
export const QUARANTINE_FILE = "quarantine.jsonl";

const EXAMPLES_SHOWN = 3;

/** `a, b, c and 4 more`; `count` is their number if `items` has not all. */
export function someOf(items: readonly string[], count: number = items.length): string {
  const shown = items.slice(0, EXAMPLES_SHOWN).join(", ");
  const rest = count - EXAMPLES_SHOWN;
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

/** The text of {@link QUARANTINE_FILE}. */
export function formatQuarantine(bad: readonly BadFile[]): string {
  return bad.map(({ path, reason }) => forJsonLine({ path, reason }) + "\n").join("");
}

const LINE = strictObject({ path: string(), reason: string() });
const LARGEST_LIST_BYTES = 256e6;

/** Whether a file is a list that {@link expectFewBad} wrote; the user may have another file of that name. */
async function isOurList(path: string, info: Deno.FileInfo): Promise<boolean> {
  if (!info.isFile || info.size === 0 || info.size > LARGEST_LIST_BYTES) return false;
  const lines = (await Deno.readTextFile(path)).trimEnd().split("\n");
  try {
    for (const line of lines) parseJson(line, LINE);
    return true;
  } catch {
    return false;
  }
}

/**
 * Writes the list beside an output that will not be made, or removes an earlier one; never touches any other file.
 *
 * @returns where it is, or why it could not be written, for the message
 */
export async function listBeside(out: string, bad: readonly BadFile[]): Promise<string> {
  const path = `${out.replace(/\/+$/, "")}.${QUARANTINE_FILE}`;
  try {
    const info = await Deno.lstat(path).catch((error) => {
      if (systemCode(error) !== "ENOENT") throw error;
    });
    if (info !== undefined && !await isOurList(path, info)) {
      return `they are not listed, since "${path}" is another file`;
    }
    if (bad.length > 0) await writeFileAtomically(path, formatQuarantine(bad));
    else if (info !== undefined) await Deno.remove(path);
    return `all are listed in "${path}"`;
  } catch (error) {
    const reason = systemReason(resolve(path), (error as Error).cause ?? error);
    return `they are not listed, since "${path}" is not writable (${reason ?? messageOf(error)})`;
  }
}

/**
 * Fails when too many images are bad. The whole list then goes beside the output that will not be made, to
 * `OUT.quarantine.jsonl`; a list from an earlier failure is removed when all is well. A file of that name that is no
 * such list stays.
 *
 * @throws {Failure} `data`: names the first files, their reasons and the list
 */
export async function expectFewBad(
  bad: readonly BadFile[],
  limit: { readonly total: number; readonly out: string; readonly maxBadFraction: number },
): Promise<void> {
  const { total, out, maxBadFraction } = limit;
  if (bad.length < total && bad.length <= maxBadFraction * total) {
    await listBeside(out, []);
    return;
  }
  const listed = await listBeside(out, bad);
  const examples = someOf(bad.map(({ path, reason }) => `"${path}" (${reason})`));
  const percent = Number((100 * maxBadFraction).toPrecision(6));
  const trouble = bad.length === total
    ? `none of the ${total} images is readable`
    : `${bad.length} of ${total} images are bad, wanted at most ${percent} %, remove them or ` +
      `raise --max-bad-fraction`;
  throw new Failure(
    "data",
    `Cannot make shards: ${trouble}: ${examples}; ${listed}`,
  );
}
