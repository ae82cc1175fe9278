/** Receipts: what an artefact was made from and how, and which files are its own. */
import { join } from "node:path";
import * as v from "valibot";
import { Failure } from "../failure.ts";
import { canonicalJson, readJson, sha256, systemCode } from "../files/mod.ts";

/** An input as a receipt names it. */
export interface FileRecord {
  readonly path: string;
  readonly sha256: string;
  readonly bytes?: number;
  /** Of a folder of images: hashes over paths and sizes, and over times too. Equal times save reading the images. */
  readonly sizesSha256?: string;
  readonly timesSha256?: string;
}

/** A file that belongs to an artefact. */
export interface OwnFile {
  /** Relative to the artefact's directory, with `/`; the name of an artefact that is one file. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What was made. */
export interface OutputRecord {
  /** How many files there are, the receipt aside. */
  readonly files: number;
  readonly bytes: number;
  /** Of a file: its hash. Of a directory: the hash of what `sha256sum` prints for its files, sorted by path. */
  readonly sha256: string;
  /** The files of a directory, sorted by path; older versions did not list them. */
  readonly contents?: readonly OwnFile[];
}

/** The record beside every artefact: what it was made from, how, and what it is. */
export interface Receipt {
  readonly stage: string;
  readonly version: string;
  readonly path: string;
  /** SHA-256 over stage, config and input hashes: equal keys mean the same artefact. */
  readonly key: string;
  readonly config: object;
  readonly inputs: readonly FileRecord[];
  readonly output: OutputRecord;
  readonly seconds: number;
  readonly finished: string;
  /** What the stage reports: counts, scores. */
  readonly summary: object;
  /**
   * Former files at the paths of `output`, present only while these are moved there: after a kill the directory is a
   * mixture, and the next process goes on.
   */
  readonly former?: readonly OwnFile[];
}

/** An artefact is one file, or a directory of them. */
export type ArtifactKind = "file" | "directory";

/** Name of the receipt in a directory; the ending of its name beside a file. */
export const RECEIPT_FILE = "receipt.json";

/** A million files in one directory, listed. */
const LARGEST_RECEIPT_BYTES = 256e6;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** A receipt from elsewhere must not lead out of its directory. */
const relativePath = v.pipe(
  v.string(),
  v.regex(/^[^\0]+$/),
  v.check((path) => path.split("/").every((part) => !["", ".", ".."].includes(part))),
);
const ownFiles = v.array(v.object({ path: relativePath, bytes: count, sha256: hash }));
const record = v.record(v.string(), v.unknown());

const RECEIPT = v.object({
  stage: v.string(),
  version: v.string(),
  path: v.string(),
  key: hash,
  config: record,
  inputs: v.array(v.object({
    path: v.string(),
    sha256: v.string(),
    bytes: v.exactOptional(count),
    sizesSha256: v.exactOptional(v.string()),
    timesSha256: v.exactOptional(v.string()),
  })),
  output: v.object({
    files: count,
    bytes: count,
    sha256: hash,
    contents: v.exactOptional(ownFiles),
  }),
  seconds: v.number(),
  finished: v.string(),
  summary: record,
  former: v.exactOptional(ownFiles),
});

/** Path of the receipt of an artefact. */
export function receiptPath(path: string, kind: ArtifactKind): string {
  return kind === "directory" ? join(path, RECEIPT_FILE) : `${path}.${RECEIPT_FILE}`;
}

/**
 * The receipt of an artefact; `undefined` when there is none or the file is not a receipt.
 *
 * @throws {Failure} `missing`: it exists and cannot be read
 */
export async function readReceipt(
  artifact: string,
  kind: ArtifactKind,
): Promise<Receipt | undefined> {
  const path = receiptPath(artifact, kind);
  const reading = { action: "read the receipt", advice: "check its permissions" };
  try {
    return await readJson(path, RECEIPT, { ...reading, largestBytes: LARGEST_RECEIPT_BYTES });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const isAbsent = ["ENOENT", "ENOTDIR", "EISDIR", "EFTYPE", "ENAMETOOLONG"].includes(
      systemCode(error.cause) ?? "",
    );
    if (isAbsent || error.kind === "data") return undefined;
    throw error;
  }
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

/** The same stage, configuration and inputs give the same key, whatever the paths. */
export function receiptKey({ stage, config, inputs }: Making): string {
  return sha256(canonicalJson({ stage, config, inputs: inputs.map((input) => input.sha256) }));
}

/** The receipt of a directory that has grown over several processes, such as a run: its files come and go. */
export type ReceiptOfGrown = Omit<Receipt, "path" | "key" | "output" | "seconds" | "former">;

/** The receipt of a grown directory, finished now: its sign of completion. */
export function receiptOfGrown(
  { stage, version, config, inputs }: Omit<Making, "path">,
  summary: object,
): ReceiptOfGrown {
  return { stage, version, config, inputs, finished: new Date().toISOString(), summary };
}

/** The receipt of an artefact, finished now. */
export function receiptOf(
  making: Making,
  { output, started, summary }: {
    readonly output: OutputRecord;
    /** `performance.now()` when the work began. */
    readonly started: number;
    readonly summary: object;
  },
): Receipt {
  const { stage, version, config, inputs, finished } = receiptOfGrown(making, summary);
  return {
    stage,
    version,
    path: making.path,
    key: receiptKey(making),
    config,
    inputs,
    output,
    seconds: Number(((performance.now() - started) / 1000).toFixed(3)),
    finished,
    summary,
  };
}

const ENTRY =
  /\{\s+("path": "(?:[^"\\]|\\.)*"),\s+("bytes": \d+),\s+("sha256": "[0-9a-f]{64}")\s+\}/g;

/** The text of a receipt, with one line for each own file. */
export function receiptText(receipt: Receipt | ReceiptOfGrown): string {
  return JSON.stringify(receipt, null, 2).replace(ENTRY, "{ $1, $2, $3 }") + "\n";
}
