/**
 * What a run starts from: random weights, or given ones, which are found, read, mapped to this model, and recorded by
 * their hash.
 *
 * @module
 */
import { hashInput } from "../artifact/mod.ts";
import { Failure } from "../failure.ts";
import type { ModelConfig } from "../model/config.ts";
import { LAYER_NORM_EPSILON } from "../model/layers.ts";
import { listCheckpoints, readRun, type WeightsOrigin } from "../run/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import { isWeight, mapWeights } from "./mapping.ts";
import { findWeights, hashIfThere, hashWeights, readWeights } from "./source.ts";

export { drawInitialState } from "./initial_state.ts";
export { startingState } from "./starting_state.ts";

/** What a run starts from. */
export interface Start {
  readonly origin: WeightsOrigin;
  /** `encoder.*` and so on; absent when the run resumes from a checkpoint. */
  readonly weights?: TensorRecord;
}

/**
 * The origin of the weights of a run that resumes. Hashes the recorded file, not the path: a source run may have newer
 * checkpoints by now. A file that is gone is assumed unchanged.
 */
async function originAgain(
  path: string,
  { run, say }: { readonly run: string; say(text: string): void },
): Promise<WeightsOrigin> {
  const { initFrom } = await readRun(run);
  if (initFrom?.path === path) {
    return { ...initFrom, sha256: await hashIfThere(initFrom.file) ?? initFrom.sha256 };
  }
  const { file } = await findWeights(path, say);
  return { path, file, sha256: await hashWeights(file, `start from "${path}"`) };
}

/**
 * Prepares `--init-from`. Only a run without checkpoints gets weights.
 *
 * @param path a file of weights, an encoder's directory or a run
 * @param options `run`: the run that starts, existing or not; `say` receives sentences for the user
 * @throws {Failure} `missing`: nothing found; `data`: damaged, or weights that do not fit the model
 */
export async function startFrom(
  path: string,
  { run, model, say }: {
    readonly run: string;
    readonly model: ModelConfig;
    say(text: string): void;
  },
): Promise<Start> {
  // Problems of the run itself are reported when it is opened.
  const known = await listCheckpoints(run).catch(() => []);
  if (known.length > 0) return { origin: await originAgain(path, { run, say }) };
  const { file, config, heads, grid, layerNormEpsilon } = await findWeights(path, say);
  const action = `start from "${path}"`;
  if (config !== undefined) await hashInput(config, action);
  if (heads !== undefined && heads !== model.encoder.heads) {
    throw new Failure(
      "data",
      `Cannot start from "${path}": its encoder has ${heads} heads, wanted ${model.encoder.heads}, ` +
        `set model.heads to ${heads} or give other weights`,
    );
  }
  const sha256 = await hashWeights(file, action);
  const weights = await readWeights(file, isWeight);
  const { tensors, notes } = mapWeights(weights, { path: file, model, grid });
  for (const text of notes) say(text);
  if (layerNormEpsilon !== undefined) {
    say(
      `layer_norm_eps of "${path}" is ${layerNormEpsilon}, ` +
        `this run's ${LAYER_NORM_EPSILON} takes its place`,
    );
  }
  return { origin: { path, file, sha256 }, weights: tensors };
}
