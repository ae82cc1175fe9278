import { Failure } from "../failure.ts";
import { writeFileAtomically } from "../files/mod.ts";
import type { BadFile } from "./images.ts";

/** Name of the list of bad files inside a shards directory: JSON Lines of path and reason. */
export const QUARANTINE_FILE = "quarantine.jsonl";

const EXAMPLES_SHOWN = 3;

/** `a, b, c and 4 more`; `count` is their number where not all are at hand. */
export function someOf(items: readonly string[], count: number = items.length): string {
  const shown = items.slice(0, EXAMPLES_SHOWN).join(", ");
  const rest = count - EXAMPLES_SHOWN;
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

/** The text of {@link QUARANTINE_FILE}. */
export function formatQuarantine(bad: readonly BadFile[]): string {
  return bad.map(({ path, reason }) => JSON.stringify({ path, reason }) + "\n").join("");
}

/** Where the list goes when there are no shards to hold it: beside the output. */
export function quarantineBeside(out: string): string {
  return `${out.replace(/\/+$/, "")}.${QUARANTINE_FILE}`;
}

/**
 * Fails when too many images are bad. The whole list then goes beside the output that will not be made, to
 * `OUT.quarantine.jsonl`; a list from an earlier failure is removed when all is well.
 *
 * @throws {Failure} `data`: names the first files, their reasons and the list
 */
export async function expectFewBad(
  bad: readonly BadFile[],
  limit: { readonly total: number; readonly out: string; readonly maxBadFraction: number },
): Promise<void> {
  const { total, out, maxBadFraction } = limit;
  const list = quarantineBeside(out);
  if (bad.length < total && bad.length <= maxBadFraction * total) {
    await Deno.remove(list).catch(() => {});
    return;
  }
  await writeFileAtomically(list, formatQuarantine(bad));
  const examples = someOf(bad.map(({ path, reason }) => `"${path}" (${reason})`));
  const percent = Number((100 * maxBadFraction).toPrecision(6));
  const trouble = bad.length === total
    ? `none of the ${total} images is readable`
    : `${bad.length} of ${total} images are bad, wanted at most ${percent} %, remove them or ` +
      `raise --max-bad-fraction`;
  throw new Failure(
    "data",
    `Cannot make shards: ${trouble}: ${examples}; all are listed in "${list}"`,
  );
}
