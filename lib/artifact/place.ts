/** Moves a finished artefact into place: one rename where nothing exists, else file by file. */
import { dirname, join } from "node:path";
import { syncEntry, syncEntrySync, syncPath } from "../files/mod.ts";
import { type Ownership, parentsOf, type Plan, Planner } from "./plan.ts";
import { type OwnFile, type Receipt, receiptPath, receiptText } from "./receipt.ts";
import type { Staging } from "./staging.ts";
import type { Target } from "./target.ts";

/** Removes a file, and the directories of its path that are empty then. */
function removeFile(root: string, path: string): void {
  Deno.removeSync(join(root, path));
  for (const parent of parentsOf(path).toReversed()) {
    try {
      Deno.removeSync(join(root, parent));
    } catch {
      return; // It holds something else.
    }
  }
}

/** Replaces the receipt by one of the staging. */
function placeReceipt({ receipt }: Target, staged: string): void {
  Deno.renameSync(staged, receipt);
  syncEntrySync(dirname(receipt));
}

/** Synchronous, so only the end of the process can interrupt; after any step the receipt says how to go on. */
function carryOut(
  { directories, moves, stale }: Plan,
  { target, madeAt, unfinished, finished }: {
    readonly target: Target;
    readonly madeAt: (path: string) => string;
    readonly unfinished: string;
    readonly finished: string;
  },
): void {
  const { root } = target;
  placeReceipt(target, unfinished);
  for (const directory of directories) Deno.mkdirSync(join(root, directory));
  for (const path of moves) Deno.renameSync(madeAt(path), join(root, path));
  for (const path of stale) removeFile(root, path);
  const touched = new Set(["", ...moves.flatMap(parentsOf), ...directories]);
  for (const directory of touched) syncEntrySync(join(root, directory));
  placeReceipt(target, finished);
}

/** Writes the two receipts beside what was made, so that moving them later needs no space. */
async function stageReceipts(
  directory: string,
  receipt: Receipt,
  former: readonly OwnFile[],
): Promise<{ readonly unfinished: string; readonly finished: string }> {
  const paths = {
    unfinished: join(directory, "unfinished.json"),
    finished: join(directory, "finished.json"),
  };
  await Deno.writeTextFile(paths.unfinished, receiptText({ ...receipt, former }));
  await Deno.writeTextFile(paths.finished, receiptText(receipt));
  for (const path of Object.values(paths)) await syncEntry(path);
  return paths;
}

/** A new directory appears whole, receipt and all. */
async function placeWhole(
  target: Target,
  { payload }: Staging,
  receipt: Receipt,
): Promise<void> {
  await Deno.writeTextFile(receiptPath(payload, "directory"), receiptText(receipt));
  await syncPath(payload);
  await Deno.rename(payload, target.path);
  await syncEntry(dirname(target.path));
}

/**
 * Moves what was made into place. Foreign files are never moved, replaced or removed.
 *
 * @throws {Failure} `output`: a file in the place is not this tool's, or was changed and there is no `--force`; then
 * nothing has been touched
 */
export async function place(
  target: Target,
  staging: Staging,
  { receipt, contents, ownership }: {
    readonly receipt: Receipt;
    readonly contents: readonly OwnFile[];
    readonly ownership: Ownership;
  },
): Promise<void> {
  if (target.kind === "directory" && !target.isThere) {
    return await placeWhole(target, staging, receipt);
  }
  const madeAt = (path: string) =>
    target.kind === "file" ? staging.payload : join(staging.payload, path);
  const plan = await new Planner(target, ownership).plan(contents, madeAt);
  await syncPath(staging.payload);
  const receipts = await stageReceipts(staging.directory, receipt, ownership.files);
  carryOut(plan, { target, madeAt, ...receipts });
}

/** Finishes a move that was interrupted after its last file. */
export async function finishPlacing(
  target: Target,
  staging: Staging,
  { receipt, contents }: { readonly receipt: Receipt; readonly contents: readonly OwnFile[] },
): Promise<void> {
  const { former = [], ...finished } = receipt;
  const ownership = { files: [...former, ...contents], force: false, everything: false };
  const plan = await new Planner(target, ownership).plan(contents, () => "");
  const receipts = await stageReceipts(staging.directory, finished, former);
  carryOut(plan, { target, madeAt: () => "", ...receipts });
}
