/** Artefacts that appear whole or not at all, with their receipts. */
import { dirname } from "node:path";
import { Failure } from "../failure.ts";
import { outputFailure, systemReason } from "../files/mod.ts";
import { printMessage } from "../messages.ts";
import { assess } from "./assess.ts";
import { ownFilesOf, recordOutput } from "./contents.ts";
import { expectMovable } from "./movable.ts";
import { finishPlacing, place } from "./place.ts";
import type { Ownership } from "./plan.ts";
import { type ArtifactKind, type Making, type Receipt, receiptOf } from "./receipt.ts";
import { clearUp, Staging } from "./staging.ts";
import { entryAt, findTarget, type Target } from "./target.ts";

/** What a stage is about to make. */
export interface ArtifactSpec extends Making {
  readonly kind: ArtifactKind;
  /** Replace an artefact that was made from something else. */
  readonly force: boolean;
  /** The inputs with hashes that the work itself has found; without it they are as they were before. */
  readonly inputsAfter?: () => Promise<Making["inputs"]>;
}

/** What a stage prints: the summary, and whether anything was made. */
export interface Outcome {
  readonly stage: string;
  readonly out: string;
  readonly status: "done" | "up to date";
  readonly [detail: string]: unknown;
}

/** The path that the system names in an error, if it names one. */
function pathOf(error: unknown): string | undefined {
  const { message, path } = error as { message?: unknown; path?: unknown };
  if (typeof path === "string") return path;
  return /\(os error \d+\): \w+ '(.*?)'(?: -> '.*')?$/.exec(String(message))?.[1];
}

/** Whether a path is the given one or below it. */
function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/** Tells errors of the output from those of files that the work reads. */
function failureOf(
  error: unknown,
  { shown, path: out, receipt }: Target,
  staging: Staging | undefined,
): unknown {
  if (error instanceof Failure) return error;
  const path = pathOf(error);
  const written = [out, receipt, ...staging === undefined ? [] : [staging.directory]];
  const isOutput = path === undefined || written.some((place) => isWithin(place, path));
  if (isOutput) return outputFailure(shown, error);
  const reason = systemReason(path, error);
  if (reason === undefined) return error;
  return new Failure("missing", `Cannot read "${path}": ${reason}`, { cause: error });
}

/** Makes the folders above an output. */
async function makeParent({ path, shown }: Target): Promise<void> {
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw outputFailure(shown, error, dirname(path));
  }
}

/** Builds in the staging and moves into place. @returns the summary */
async function buildAndPlace(
  spec: ArtifactSpec,
  { target, staging, ownership }: {
    readonly target: Target;
    readonly staging: Staging;
    readonly ownership: Ownership;
  },
  build: (path: string) => Promise<object>,
): Promise<object> {
  const started = performance.now();
  const { payload, directory } = staging;
  await expectMovable(target, ownership.files, (await entryAt(directory))?.uid ?? null);
  if (spec.kind === "directory") await Deno.mkdir(payload);
  const summary = await build(payload);
  const output = await recordOutput(payload, spec.kind);
  const inputs = await spec.inputsAfter?.() ?? spec.inputs;
  const receipt = receiptOf({ ...spec, inputs }, { output, started, summary });
  const contents = ownFilesOf(receipt, target)!;
  await place(target, staging, { receipt, contents, ownership });
  return summary;
}

/**
 * Makes one artefact so that it appears whole or not at all: `build` writes to a temporary place, which is hashed,
 * synced and moved, with its receipt. An artefact that is already there with the same key is left alone, unless files
 * of it are missing or cut short. Files that this tool has not made stay, always.
 *
 * @param build writes the artefact at the path it is given, where nothing is yet or an empty directory, and returns the
 * summary
 * @throws {Failure} `output`: not writable, disk full, locked, or made from something else or changed without `force`
 */
export async function makeArtifact(
  spec: ArtifactSpec,
  build: (path: string) => Promise<object>,
): Promise<Outcome> {
  const { stage, path: out } = spec;
  const say = (text: string) => printMessage(stage, text);
  const upToDate = ({ summary }: Receipt): Outcome => ({
    stage,
    out,
    status: "up to date",
    ...summary,
  });
  let target = await findTarget(out, spec.kind);
  let place: Staging | undefined;
  try {
    const before = await assess(target, spec);
    await clearUp(target);
    if (before.status === "up to date") return upToDate(before.receipt);
    await makeParent(target);
    await using staging = await Staging.open(target, say);
    place = staging;
    target = await findTarget(out, spec.kind);
    // Another process may have ended between the first assessment and the lock.
    const found = await assess(target, spec);
    if (found.status === "up to date") return upToDate(found.receipt);
    if (found.status === "unfinished") {
      await finishPlacing(target, staging, found);
      return upToDate(found.receipt);
    }
    const { ownership, damage } = found;
    if (damage !== undefined) say(`"${out}" is damaged (${damage}), making it again`);
    const summary = await buildAndPlace(spec, { target, staging, ownership }, build);
    return { stage, out, status: "done", ...summary };
  } catch (error) {
    throw failureOf(error, target, place);
  }
}
