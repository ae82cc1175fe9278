/** The state that training starts or resumes from. */
import { readCheckpoint, type RunDirectory } from "../run/mod.ts";
import type { TensorRecord } from "../tensor.ts";
import { modelConfigOf, type PretrainConfig } from "../training/config.ts";
import { stateShapes } from "../training/state.ts";
import { drawInitialState } from "./initial_state.ts";

/**
 * The state that a run goes on with: that of its newest checkpoint, or one to begin with.
 *
 * @param options `weights`: what replaces random weights at the beginning, if anything does; `threads` that draw them
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
  // Kept at once: however early the run is stopped, it never needs the other weights again.
  await run.writeCheckpoint({ step: 0, tensors: started });
  return started;
}
