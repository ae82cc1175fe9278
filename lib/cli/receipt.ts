/** Receipts: what an artefact was made from and how, and whether it is still whole. */
import { join, relative } from "node:path";
import { canonicalJson, forEachConcurrently, sha256, sha256File } from "../files/mod.ts";

/** An input as a receipt names it. */
export interface FileRecord {
  readonly path: string;
  readonly sha256: string;
  readonly bytes?: number;
  /** Of a folder of images: hashes over paths and sizes, and over times too. Equal times save reading the images. */
  readonly sizesSha256?: string;
  readonly timesSha256?: string;
}

/** What was made. */
export interface OutputRecord {
  /** How many files there are, the receipt aside. */
  readonly files: number;
  readonly bytes: number;
  /** Of a file: its hash. Of a directory: the hash of what `sha256sum` prints for its files, sorted by path. */
  readonly sha256: string;
}

/** The record that lands with every artefact: what it was made from, how, and what it is. */
export interface Receipt {
  readonly stage: string;
  readonly version: string;
  readonly path: string;
  /** SHA-256 over stage, config and input hashes: equal keys mean the same artefact. */
  readonly key: string;
  readonly config: object;
  readonly inputs: readonly FileRecord[];
  /** Absent for a run, whose files come and go. */
  readonly output?: OutputRecord;
  readonly seconds: number;
  readonly finished: string;
  /** What the stage reports: counts, scores. */
  readonly summary: object;
}

/** An artefact is one file, or a directory of them. */
export type ArtifactKind = "file" | "directory";

const RECEIPT_FILE = "receipt.json";
const HASHES_IN_FLIGHT = 8;

/** Where the receipt of an artefact lies. */
export function receiptPath(path: string, kind: ArtifactKind): string {
  return kind === "directory" ? join(path, RECEIPT_FILE) : `${path}.${RECEIPT_FILE}`;
}

/** The receipt of an artefact, or nothing when there is none or it is not one of ours. */
export async function readReceipt(path: string, kind: ArtifactKind): Promise<Receipt | undefined> {
  try {
    const receipt = JSON.parse(await Deno.readTextFile(receiptPath(path, kind))) as Receipt;
    const ours = typeof receipt.stage === "string" && typeof receipt.key === "string";
    return ours ? receipt : undefined;
  } catch {
    return undefined;
  }
}

interface Entry {
  readonly path: string;
  readonly bytes: number;
}

async function filesUnder(directory: string): Promise<Entry[]> {
  const found: Entry[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    if (isDirectory) found.push(...await filesUnder(path));
    else found.push({ path, bytes: (await Deno.stat(path)).size });
  }
  return found;
}

/** Every file of an artefact but its receipt, sorted by path. */
async function filesOf(path: string, kind: ArtifactKind): Promise<Entry[]> {
  if (kind === "file") return [{ path, bytes: (await Deno.stat(path)).size }];
  const receipt = receiptPath(path, kind);
  const files = (await filesUnder(path)).filter((entry) => entry.path !== receipt);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function totalBytes(files: readonly Entry[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Counts and hashes what was made, at `path`. */
export async function recordOutput(path: string, kind: ArtifactKind): Promise<OutputRecord> {
  const files = await filesOf(path, kind);
  const record = { files: files.length, bytes: totalBytes(files) };
  if (kind === "file") return { ...record, sha256: await sha256File(path) };
  const lines: string[] = Array(files.length);
  await forEachConcurrently(files.entries(), async ([index, file]) => {
    lines[index] = `${await sha256File(file.path)}  ${relative(path, file.path)}\n`;
  }, { inFlight: HASHES_IN_FLIGHT });
  return { ...record, sha256: sha256(lines.join("")) };
}

/** What decides the content of an artefact. */
export interface Making {
  readonly stage: string;
  readonly version: string;
  /** Where the finished artefact goes. */
  readonly path: string;
  /** Everything that decides the content, besides the inputs. */
  readonly config: object;
  readonly inputs: readonly FileRecord[];
}

/** The same stage, configuration and inputs give the same key, wherever the files lie. */
export function receiptKey({ stage, config, inputs }: Making): string {
  return sha256(canonicalJson({ stage, config, inputs: inputs.map((input) => input.sha256) }));
}

/** The receipt of something finished now, as its file holds it. */
export function receiptText(
  making: Making,
  { output, started, summary }: {
    readonly output?: OutputRecord;
    /** `performance.now()` when the work began. */
    readonly started: number;
    readonly summary: object;
  },
): string {
  const { stage, version, path, config, inputs } = making;
  const receipt: Receipt = {
    stage,
    version,
    path,
    key: receiptKey(making),
    config,
    inputs,
    ...(output && { output }),
    seconds: Number(((performance.now() - started) / 1000).toFixed(3)),
    finished: new Date().toISOString(),
    summary,
  };
  return JSON.stringify(receipt, null, 2) + "\n";
}

/** Why an artefact is not what its receipt says (a file is missing, cut or added), or nothing when it is. */
export async function damageOf(
  path: string,
  kind: ArtifactKind,
  { output }: Receipt,
): Promise<string | undefined> {
  if (output === undefined) return undefined;
  const files = await filesOf(path, kind).catch(() => []);
  const [wanted, got] = [output, { files: files.length, bytes: totalBytes(files) }];
  if (wanted.files === got.files && wanted.bytes === got.bytes) return undefined;
  return `wanted ${wanted.files} files of ${wanted.bytes} bytes, got ${got.files} of ${got.bytes}`;
}
