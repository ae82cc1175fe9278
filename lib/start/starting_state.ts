/** The state that training starts or resumes from. */
import { readCheckpoint, type RunDirectory } from "../run/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import { modelConfigOf, type PretrainConfig } from "../config/mod.ts";
import { stateShapes } from "../training/state.ts";
import { drawInitialState } from "./initial_state.ts";

/**
 * The state that a run continues with: that of its newest checkpoint, or an initial one.
 *
 * @param options `weights`: replaces random weights at the beginning; `threads` that draw them
 */
export async function startingState(
  run: RunDirectory,
  config: PretrainConfig,
  { weights, threads }: { readonly weights: TensorRecord | undefined; readonly threads: number },
): Promise<TensorRecord> {
  const model = modelConfigOf(config);
  if (run.checkpoint !== undefined) {
    return await readCheckpoint(run.checkpoint, { shapes: stateShapes(model) });
  }
  const state = await drawInitialState(model, { seed: config.run.seed, ...config.model }, threads);
  if (weights === undefined) return state;
  const started = { ...state, ...weights };
  // Saved at once, so that a run stopped early never needs the other weights again.
  await run.writeCheckpoint({ step: 0, tensors: started });
  return started;
}
