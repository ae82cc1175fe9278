/** Weights in one safetensors file, or in several with an index of their tensors. */
import { basename, dirname, join } from "node:path";
import * as v from "valibot";
import { Failure } from "../../failure.ts";
import { readJson, sha256 } from "../../files/mod.ts";
import type { HostTensor } from "../../tensor.ts";
import {
  listSafetensors,
  readSafetensors,
  type SafetensorsFile,
  type SafetensorsHeader,
} from "./reader.ts";

/** Hugging Face's names of a model's weights, and of the index of several files. */
const WEIGHTS_FILE = "model.safetensors", INDEX_FILE = "model.safetensors.index.json";
const INDEX_ENDING = ".safetensors.index.json";
const LARGEST_INDEX_BYTES = 16e6;
const MOST_PARTS = 1000;

/** Names are untrusted: a part must be beside its index. */
const partName = v.pipe(
  v.string(),
  v.regex(/^[^/\\\0]{1,240}\.safetensors$/, "the name of a .safetensors file beside it"),
);
const indexSchema = v.object({ weight_map: v.record(v.string(), partName) });

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}

/** The weights of a directory in Hugging Face layout: the file, or the index of several; `undefined`: neither. */
export async function findWeightsFile(directory: string): Promise<string | undefined> {
  for (const name of [WEIGHTS_FILE, INDEX_FILE]) {
    if (await isFile(join(directory, name))) return join(directory, name);
  }
  return undefined;
}

function refuse(path: string, what: string): Failure {
  return new Failure("data", `Cannot read "${path}": ${what}, take another copy of all parts`);
}

/** Which tensors are in which file. */
async function partsOf(index: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const { weight_map: map } = await readJson(index, indexSchema, {
    action: "read weights in parts",
    advice: "take another copy of it",
    largestBytes: LARGEST_INDEX_BYTES,
  });
  const parts = new Map<string, Set<string>>();
  for (const [name, part] of Object.entries(map)) {
    const path = join(dirname(index), part);
    const names = parts.get(path) ?? new Set();
    parts.set(path, names.add(name));
  }
  if (parts.size === 0 || parts.size > MOST_PARTS) {
    throw refuse(index, `it names ${parts.size} files, wanted 1 to ${MOST_PARTS}`);
  }
  return parts;
}

/** Fails unless a part has exactly the tensors of the index. */
function expectNames(
  { index, part, wanted }: {
    readonly index: string;
    readonly part: string;
    readonly wanted: ReadonlySet<string>;
  },
  { entries }: SafetensorsHeader,
): void {
  const got = new Set(entries.map(({ name }) => name));
  const missing = [...wanted].find((name) => !got.has(name));
  if (missing !== undefined) {
    throw refuse(index, `tensor "${missing}" is not in "${basename(part)}", where it should be`);
  }
  const extra = [...got].find((name) => !wanted.has(name));
  if (extra !== undefined) {
    throw refuse(index, `it does not name tensor "${extra}" of "${basename(part)}"`);
  }
}

/** The files that weights consist of: the file itself, or the index and its parts. */
export async function filesOfWeights(path: string): Promise<readonly string[]> {
  if (!path.endsWith(INDEX_ENDING)) return [path];
  return [path, ...[...(await partsOf(path)).keys()].sort()];
}

/**
 * The hash of weights from those of their files, as {@link filesOfWeights} lists them: that of a single file, or for
 * several that of the list of hashes, like `sha256sum INDEX PARTS... | sha256sum` in their directory.
 */
export function sha256OfWeights(
  files: readonly { readonly path: string; readonly sha256: string }[],
): string {
  if (files.length === 1) return files[0]!.sha256;
  return sha256(files.map((file) => `${file.sha256}  ${basename(file.path)}\n`).join(""));
}

/**
 * Names, types and shapes of the weights, without loading them.
 *
 * @throws {Failure} as {@link readWeightsFile}
 */
export async function listWeightsFile(path: string): Promise<SafetensorsHeader> {
  if (!path.endsWith(INDEX_ENDING)) return await listSafetensors(path);
  const entries: SafetensorsHeader["entries"][number][] = [];
  let metadata: SafetensorsHeader["metadata"] = {};
  for (const [part, wanted] of await partsOf(path)) {
    const header = await listSafetensors(part);
    expectNames({ index: path, part, wanted }, header);
    for (const entry of header.entries) entries.push(entry);
    metadata = { ...metadata, ...header.metadata };
  }
  return { entries, metadata };
}

/**
 * Reads weights, from one file or from all parts that an index names.
 *
 * @param path a safetensors file, or an index (`*.safetensors.index.json`)
 * @throws {Failure} `missing`: a file does not exist; `data`: it is damaged, or a part has other tensors than the index
 */
export async function readWeightsFile(
  path: string,
  options: { readonly wanted?: (name: string) => boolean } = {},
): Promise<SafetensorsFile> {
  if (!path.endsWith(INDEX_ENDING)) return await readSafetensors(path, options);
  const { metadata } = await listWeightsFile(path);
  const tensors: [string, HostTensor][] = [];
  for (const part of (await partsOf(path)).keys()) {
    const read = await readSafetensors(part, options);
    for (const entry of Object.entries(read.tensors)) tensors.push(entry);
  }
  return { tensors: Object.fromEntries(tensors), metadata };
}
