/** Opens and verifies a shards directory. */
import { join } from "node:path";
import { expectUnchanged } from "../artifact/mod.ts";
import { Failure, messageOf } from "../failure.ts";
import {
  expectPlain,
  readSmallFile,
  sha256,
  sha256File,
  systemCode,
  systemReason,
} from "../files/mod.ts";
import { suggestion } from "../nearest.ts";
import { type Manifest, MANIFEST_FILE, parseManifest, type ShardFile } from "./manifest.ts";
import { type ShardSplit, SplitReader } from "./shard_split.ts";

export type { LabelColumn, Manifest, ShardFile } from "./manifest.ts";

/** A directory that the shard stage has written. */
export interface Shards {
  readonly directory: string;
  readonly manifest: Manifest;
  /** SHA-256 of `manifest.json`; it holds the hashes of all shards, so it identifies the data. */
  readonly manifestSha256: string;
  /** @throws {Failure} `usage`: no such split */
  split(name: string): ShardSplit;
}

/** JavaScript cannot hold the text of a larger one. */
const LARGEST_MANIFEST_BYTES = 500e6;

async function expectSize(directory: string, { file, bytes }: ShardFile): Promise<void> {
  const path = join(directory, file);
  let size: number;
  try {
    ({ size } = await expectPlain(path));
  } catch (error) {
    const what = systemCode(error) === "ENOENT"
      ? "does not exist, run shard again"
      : `is not readable (${systemReason(path, error) ?? messageOf(error)})`;
    throw new Failure("missing", `Cannot open the shards "${directory}": "${path}" ${what}`, {
      cause: error,
    });
  }
  if (size !== bytes) {
    throw new Failure(
      "data",
      `Cannot open the shards "${directory}": "${path}" has the wrong length: wanted ${bytes} bytes, ` +
        `got ${size}, run shard again`,
    );
  }
}

/**
 * Opens a shards directory: reads the manifest and checks the length of every tar file, which is cheap.
 *
 * @throws {Failure} `missing`: no manifest or no tar file; `data`: a damaged manifest, one that differs from its
 * receipt, or a wrong length
 */
export async function openShards(directory: string): Promise<Shards> {
  const path = join(directory, MANIFEST_FILE), action = `open the shards "${directory}"`;
  const bytes = await readSmallFile(path, {
    action,
    advice: "give the folder that the shard stage has written",
    largestBytes: LARGEST_MANIFEST_BYTES,
  });
  const manifestSha256 = sha256(bytes);
  await expectUnchanged({ path, sha256: manifestSha256 }, action);
  const manifest = parseManifest(bytes, path);
  for (const { shards } of Object.values(manifest.splits)) {
    for (const shard of shards) await expectSize(directory, shard);
  }
  return {
    directory,
    manifest,
    manifestSha256,
    split(name) {
      if (!Object.hasOwn(manifest.splits, name)) {
        throw new Failure(
          "usage",
          `Cannot read the shards "${directory}": there is no split "${name}"` +
            suggestion(name, Object.keys(manifest.splits)),
        );
      }
      return new SplitReader(directory, name, manifest);
    },
  };
}

/**
 * Compares every tar file of a split with its SHA-256.
 *
 * @param onProgress called with the bytes checked so far, at first 0, and the bytes in all
 * @throws {Failure} `data`: names the tar file, the expected and the actual hash; `missing`: it is not readable
 */
export async function verifyShards(
  shards: Shards,
  splitName: string,
  onProgress?: (doneBytes: number, totalBytes: number) => void,
): Promise<void> {
  const files = shards.manifest.splits[splitName]?.shards ?? [];
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  onProgress?.(done, total);
  for (const { file, bytes, sha256: wanted } of files) {
    const path = join(shards.directory, file);
    const got = await sha256File(path).catch((error) => {
      throw new Failure(
        "missing",
        `Cannot use the shard "${path}": it is not readable (${
          systemReason(path, error) ?? messageOf(error)
        })`,
        { cause: error },
      );
    });
    if (got !== wanted) {
      throw new Failure(
        "data",
        `Cannot use the shard "${path}": wanted SHA-256 ${wanted}, got ${got}, run shard again`,
      );
    }
    onProgress?.(done += bytes, total);
  }
}
