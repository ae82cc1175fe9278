import { basename, dirname, join, resolve } from "node:path";
import { Failure, messageOf } from "../failure.ts";

import {
  canonicalJson,
  holdLock,
  outputFailure,
  sha256,
  syncPath,
  writeFileAtomically,
} from "../files/mod.ts";

/** An input or output as a receipt names it. */
export interface FileRecord {
  readonly path: string;
  readonly sha256: string;
  readonly bytes?: number;
}

/** What a stage is about to make. */
export interface ArtifactSpec {
  readonly stage: string;
  readonly version: string;
  /** Where the finished file or directory goes. */
  readonly path: string;
  readonly kind: "file" | "directory";
  /** Everything that decides the content, besides the inputs. */
  readonly config: object;
  readonly inputs: readonly FileRecord[];
  /** Replace an artefact that was made from something else. */
  readonly force: boolean;
}

/** The record that lands with every artefact: what it was made from, and how. */
export interface Receipt {
  readonly stage: string;
  readonly version: string;
  readonly path: string;
  /** SHA-256 over stage, config and input hashes: equal keys mean the same artefact. */
  readonly key: string;
  readonly config: object;
  readonly inputs: readonly FileRecord[];
  readonly seconds: number;
  readonly finished: string;
  /** What the stage reports: counts, scores, hashes of outputs. */
  readonly summary: object;
}

/** What a stage prints: the summary, and whether there was anything to do. */
export interface Outcome {
  readonly stage: string;
  readonly out: string;
  readonly status: "done" | "up to date";
  readonly [detail: string]: unknown;
}

const temporaries = new Set<string>();

/** Removes what unfinished artefacts have written; called when the process is told to end. */
export function removeTemporaries(): void {
  for (const path of temporaries) {
    try {
      Deno.removeSync(path, { recursive: true });
    } catch {
      // Already gone.
    }
  }
}

/** Where the receipt of an artefact lies. */
export function receiptPath(path: string, kind: "file" | "directory"): string {
  return kind === "directory" ? join(path, "receipt.json") : `${path}.receipt.json`;
}

async function readReceipt(path: string): Promise<Receipt | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path)) as Receipt;
  } catch {
    return undefined; // None, or not one of ours: the artefact is then treated as somebody else's.
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** A crashed run may have left `.NAME.tmp-PID` behind; under the lock nobody else can own it. */
async function removeLeftovers(directory: string, prefix: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    if (entry.name.startsWith(prefix)) {
      await Deno.remove(join(directory, entry.name), { recursive: true });
    }
  }
}

/**
 * Makes one artefact so that it appears whole or not at all: `build` writes to a temporary sibling, which is
 * synced and renamed, with its receipt. An artefact that is already there with the same key is left alone.
 *
 * @param build writes the artefact at the path it is given and returns the summary
 * @throws {Failure} `output`: not writable, disk full, locked, or made from something else without `force`
 */
export async function makeArtifact(
  spec: ArtifactSpec,
  build: (temporary: string) => Promise<object>,
): Promise<Outcome> {
  const { stage, version, kind, config, inputs, force } = spec;
  const started = performance.now();
  const path = resolve(spec.path);
  const directory = dirname(path), name = basename(path);
  const key = sha256(canonicalJson({ stage, config, inputs: inputs.map((i) => i.sha256) }));
  try {
    await Deno.mkdir(directory, { recursive: true });
  } catch (error) {
    throw outputFailure(spec.path, error);
  }
  await using _lock = await holdLock(join(directory, `.${name}.lock`), spec.path, {
    removeAfter: true,
  });
  const present = await exists(path);
  const earlier = present ? await readReceipt(receiptPath(path, kind)) : undefined;
  if (earlier?.key === key && !force) {
    return { stage, out: spec.path, status: "up to date", ...earlier.summary };
  }
  if (present && !force) {
    const maker = earlier
      ? `was made by "${earlier.stage}" from other inputs or settings`
      : "exists";
    throw new Failure(
      "output",
      `Cannot write "${spec.path}": it ${maker}, pass --force to replace it or give another --out`,
    );
  }
  await removeLeftovers(directory, `.${name}.tmp-`);
  const temporary = join(directory, `.${name}.tmp-${Deno.pid}`);
  temporaries.add(temporary);
  try {
    if (kind === "directory") await Deno.mkdir(temporary);
    const summary = await build(temporary);
    const receipt: Receipt = {
      stage,
      version,
      path: spec.path,
      key,
      config,
      inputs,
      seconds: Number(((performance.now() - started) / 1000).toFixed(3)),
      finished: new Date().toISOString(),
      summary,
    };
    const text = JSON.stringify(receipt, null, 2) + "\n";
    if (kind === "directory") await Deno.writeTextFile(join(temporary, "receipt.json"), text);
    await syncPath(temporary);
    if (kind === "directory" && present) await Deno.remove(path, { recursive: true });
    // A stale receipt must not vouch for the new file should the process die between the renames.
    if (kind === "file" && earlier) await Deno.remove(receiptPath(path, kind));
    await Deno.rename(temporary, path);
    if (kind === "file") await writeFileAtomically(receiptPath(path, kind), text);
    await syncPath(directory);
    return { stage, out: spec.path, status: "done", ...summary };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw outputFailure(spec.path, error);
  } finally {
    await Deno.remove(temporary, { recursive: true }).catch(() => {});
    temporaries.delete(temporary);
  }
}

/** Fails unless an input file or directory is there. */
export async function expectInput(path: string, action: string, hint: string): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Failure("missing", `Cannot ${action}: "${path}" does not exist, ${hint}`);
    }
    throw new Failure(
      "missing",
      `Cannot ${action}: "${path}" is not readable: ${messageOf(error)}`,
    );
  }
}
