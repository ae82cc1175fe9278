/** Finds and reads the weights that `--init-from` names. */
import { join } from "node:path";
import { type FileRecord, hashInput } from "../artifact/mod.ts";
import { Failure } from "../failure.ts";
import { readText, sha256File, systemCode } from "../files/mod.ts";
import { parseConfig } from "../formats/huggingface.ts";
import {
  filesOfWeights,
  findWeightsFile,
  readWeightsFile,
  sha256OfWeights,
} from "../formats/safetensors.ts";
import { isTorchFile, readTorch } from "../formats/torch.ts";
import type { Grid } from "../model/masks.ts";
import { latestCheckpoint, readRun, stateFile } from "../run/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import { imageSizeOf, type PretrainConfig } from "../config/mod.ts";

/** The weights that a path of the user means. */
export interface WeightsSource {
  readonly file: string;
  /** The configuration beside it, if it was read. */
  readonly config?: string;
  /** Heads of attention if the source states them: shapes do not. */
  readonly heads?: number;
  /** Grid of patches if the source states it: a table of positions has only their number. */
  readonly grid?: Grid;
  /** Epsilon of its LayerNorms if it is not that of training. */
  readonly layerNormEpsilon?: number;
}

const CONFIG_FILE = "config.json", WEIGHTS_FILE = "model.safetensors";

const WANTED =
  `give a run, a directory with ${CONFIG_FILE} and ${WEIGHTS_FILE}, or a file of weights`;

function refuse(path: string, what: string): Failure {
  return new Failure(
    "data",
    `Cannot start from "${path}": ${what}, ${WANTED}`,
  );
}

function gridOfRun({ data, model: { patchSize } }: PretrainConfig): Grid {
  const [height, width] = imageSizeOf(data);
  return [height / patchSize, width / patchSize];
}

/** An encoder's directory or a run: both have a `config.json`, with different content. */
async function findInDirectory(
  path: string,
  say: (text: string) => void,
): Promise<WeightsSource> {
  const configPath = join(path, CONFIG_FILE);
  const reading = { action: `start from "${path}"`, advice: WANTED };
  const text = await readText(configPath, reading);
  const weights = await findWeightsFile(path);
  if (weights !== undefined) {
    const { heads, imageSize, patchSize, layerNormEpsilon } = parseConfig(text, configPath);
    return {
      file: weights,
      config: configPath,
      heads,
      grid: [imageSize[0] / patchSize, imageSize[1] / patchSize],
      ...layerNormEpsilon === undefined ? {} : { layerNormEpsilon },
    };
  }
  if (!text.includes('"ijepa-run"')) throw refuse(path, `the directory has no ${WEIGHTS_FILE}`);
  const { config } = await readRun(path);
  const checkpoint = await latestCheckpoint(path, (damaged, { message }) => {
    say(`${message}: passing over "${damaged.path}"`);
  });
  if (checkpoint === undefined) throw refuse(path, "the run has no checkpoint yet");
  return { file: stateFile(checkpoint), heads: config.model.heads, grid: gridOfRun(config) };
}

/**
 * Finds the file of weights that a path means: itself, the one in an encoder's directory, or the newest valid
 * checkpoint of a run.
 *
 * @throws {Failure} `missing`: not found; `data`: a directory of another kind
 */
export async function findWeights(
  path: string,
  say: (text: string) => void,
): Promise<WeightsSource> {
  const info = await Deno.stat(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Failure(
      "missing",
      `Cannot start from "${path}": it does not exist, check --init-from`,
    );
  });
  return info.isDirectory ? await findInDirectory(path, say) : { file: path };
}

/** The tensors of a file, or of all parts of an index, in either format. */
export async function readWeights(
  file: string,
  wanted: (name: string) => boolean,
): Promise<TensorRecord> {
  if (await isTorchFile(file)) return await readTorch(file, { wanted });
  return (await readWeightsFile(file, { wanted })).tensors;
}

/**
 * The hash of weights; each of their files is compared with its receipt, if there is one.
 *
 * @throws {Failure} `missing`: a file is not readable; `data`: changed since it was made
 */
export async function hashWeights(file: string, action: string): Promise<string> {
  const files: FileRecord[] = [];
  for (const path of await filesOfWeights(file)) files.push(await hashInput(path, action));
  return sha256OfWeights(files);
}

/** The hash of weights; `undefined` when any of their files is gone. */
export async function hashIfThere(file: string): Promise<string | undefined> {
  const files: FileRecord[] = [];
  try {
    for (const path of await filesOfWeights(file)) {
      files.push({ path, sha256: await sha256File(path) });
    }
  } catch (error) {
    if (systemCode(error) === "ENOENT" || (error as Failure).kind === "missing") return undefined;
    throw error;
  }
  return sha256OfWeights(files);
}
