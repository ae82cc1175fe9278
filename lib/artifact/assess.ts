/** What exists at the path of an output, and whether it may be replaced. */
import { basename, join } from "node:path";
import { Failure } from "../failure.ts";
import { isBystander } from "./bystanders.ts";
import {
  type Condition,
  conditionOf,
  filesUnder,
  isIntact,
  ownFilesOf,
  sizeOf,
} from "./contents.ts";
import { changedText, type Ownership } from "./plan.ts";
import {
  type Making,
  type OwnFile,
  readReceipt,
  type Receipt,
  RECEIPT_FILE,
  receiptKey,
} from "./receipt.ts";
import { isOfStaging } from "./staging.ts";
import { entryAt, type Target } from "./target.ts";

/** What is to be done. */
export type Assessment =
  | { readonly status: "up to date"; readonly receipt: Receipt }
  /** All files are in place, but a process was killed before it finished the receipt. */
  | {
    readonly status: "unfinished";
    readonly receipt: Receipt;
    readonly contents: readonly OwnFile[];
  }
  | {
    readonly status: "to make";
    readonly ownership: Ownership;
    /** What is wrong with the existing artefact, for messages. */
    readonly damage?: string;
  };

/** Whether the path holds anything besides bystanders and staging. */
async function isOccupied({ kind, path, isThere }: Target): Promise<boolean> {
  if (!isThere || kind === "file") return isThere;
  for await (const { name } of Deno.readDir(path)) {
    if (!isBystander(name) && !isOfStaging(name)) return true;
  }
  return false;
}

function refuse({ shown }: Target, what: string): never {
  throw new Failure("output", `Cannot write "${shown}": ${what}`);
}

/** Replaces only with `--force`, and only what this stage has made. */
function ownershipUnderForce(
  target: Target,
  { stage, force, receipt }: {
    readonly stage: string;
    readonly force: boolean;
    readonly receipt: Receipt | undefined;
  },
): Ownership {
  const isOurs = receipt?.stage === stage;
  if (force && isOurs) {
    const files = ownFilesOf(receipt, target);
    const former = receipt.former ?? [];
    return { files: [...former, ...files ?? []], force, everything: files === undefined };
  }
  const what = isOurs
    ? "was made from other inputs or settings"
    : receipt
    ? `was made by "${receipt.stage}"`
    : "exists and was not made by this command";
  const way = isOurs
    ? "pass --force to replace it or give another --out"
    : "give another --out or remove it yourself";
  return refuse(target, `it ${what}, ${way}`);
}

/** `a is missing, b and c are cut short`. */
function damageText({ missing, short }: Condition): string {
  const some = (names: readonly string[], what: string) => {
    if (names.length === 0) return [];
    const shown = names.slice(0, 3).join(", ");
    const rest = names.length > 3 ? ` and ${names.length - 3} more` : "";
    return [`${shown}${rest} ${names.length === 1 ? "is" : "are"} ${what}`];
  };
  return [...some(missing, "missing"), ...some(short, "cut short")].join(", ");
}

/** The check of receipts that list no files, which older versions wrote: whether there are fewer files or bytes. */
async function lacks(target: Target, { output }: Receipt): Promise<boolean> {
  const names = (await filesUnder(target.path)).filter((path) =>
    path !== RECEIPT_FILE && !isOfStaging(path.split("/")[0]!)
  );
  let bytes = 0;
  for (const name of names) bytes += await sizeOf(join(target.path, name)) || 0;
  return names.length < output.files || bytes < output.bytes;
}

/** An artefact of the same key: whether it is complete. */
async function assessSame(target: Target, receipt: Receipt): Promise<Assessment> {
  const contents = ownFilesOf(receipt, target);
  if (contents === undefined) {
    if (!await lacks(target, receipt)) return { status: "up to date", receipt };
    const ownership = { files: [], force: false, everything: true };
    return { status: "to make", ownership, damage: "files or bytes are missing" };
  }
  const { former } = receipt;
  const condition = await conditionOf(target.root, contents, former);
  if (condition.changed.length > 0) refuse(target, changedText(condition.changed));
  if (isIntact(condition)) {
    return former === undefined
      ? { status: "up to date", receipt }
      : { status: "unfinished", receipt, contents };
  }
  const ownership = { files: [...former ?? [], ...contents], force: false, everything: false };
  return { status: "to make", ownership, damage: damageText(condition) };
}

/** Refuses a file that belongs to a directory's artefact, and a foreign file at the path of the receipt. */
async function expectNoOthers(target: Target): Promise<void> {
  if (target.kind === "directory") return;
  const { root, name } = target;
  const around = await readReceipt(root, "directory").catch(() => undefined);
  if (around?.output.contents?.some(({ path }) => path === name)) {
    refuse(target, `it is a part of "${root}", which "${around.stage}" made, give another --out`);
  }
  if (await entryAt(target.receipt) === undefined) return;
  refuse(
    target,
    `"${
      basename(target.receipt)
    }" beside it is no receipt of this tool, remove it or give another ` +
      "--out",
  );
}

/**
 * Assesses what exists at the path of an output.
 *
 * @throws {Failure} `output`: something foreign, something made from something else or changed, and no `--force`
 */
export async function assess(
  target: Target,
  making: Making & { readonly force: boolean },
): Promise<Assessment> {
  const { stage, force } = making;
  const receipt = await readReceipt(target.path, target.kind);
  if (receipt === undefined) await expectNoOthers(target);
  if (receipt !== undefined && !force && receipt.key === receiptKey(making)) {
    return await assessSame(target, receipt);
  }
  if (!await isOccupied(target)) {
    return { status: "to make", ownership: { files: [], force, everything: false } };
  }
  return { status: "to make", ownership: ownershipUnderForce(target, { stage, force, receipt }) };
}
