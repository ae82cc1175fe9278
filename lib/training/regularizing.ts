/**
 * A term over a whole batch whose gradient is taken part by part (gradient caching, Gao et al., arXiv 2101.06983):
 * lanes encode the contexts of their parts and keep only the samples; one program computes the term and its slope for
 * every sample; the gradient of a part takes its rows of that slope.
 */

import * as tf from "@tensorflow/tfjs";
import type { Executable, Need, Program, Runtime, Store, TensorSpec } from "../compile/program.ts";
import { finishedShapes } from "../model/parameters.ts";
import { type FloatTensor, floatTensor, prefixed, type TensorRecord, under } from "../tensor.ts";
import type { MonitorsBy } from "./monitors.ts";
import { monitorResults, monitorsOf } from "./monitors/compute.ts";
import { encodeContext } from "./objective.ts";
import { DIRECTIONS, directionsOf, type Regularizer, samplesOf, termOf } from "./regularizer.ts";
import { batchSpecs, type LanedStep, samplesSpec, specsOf } from "./step.ts";
import { throwIfStopped } from "./stopping.ts";

/** A step that has a regularizer. */
type RegularizedStep = LanedStep & { readonly regularizer: Regularizer };

/** The samples of a part of a batch: result `samples`. */
function samplesProgram(config: RegularizedStep): Program {
  const { model, regularizer: { on }, batch, accumulate, lanes } = config;
  const count = batch / accumulate / lanes;
  const { images, context_tokens } = batchSpecs(config, count);
  const encoder = specsOf(prefixed("encoder.", finishedShapes(model.encoder)));
  return {
    name: "samples",
    carried: [],
    parameters: Object.keys(encoder),
    inputs: { images, context_tokens, ...encoder },
    run(inputs) {
      const seen = { images: inputs["images"]!, contextTokens: inputs["context_tokens"]! };
      const context = encodeContext(seen, under("encoder.", inputs), model);
      return { samples: samplesOf(context, { batch: count, on }) };
    },
  };
}

/**
 * The term over the samples of a batch: results are its monitors, and `slope` of the shape of the samples. The slope is as many
 * times too large as there are parts, since the update takes the mean of their gradients.
 */
function termProgram(config: RegularizedStep): Program {
  const { model: { encoder: { width } }, regularizer, batch, accumulate, lanes } = config;
  const directions: TensorSpec = { dtype: "float32", shape: [DIRECTIONS, width] };
  return {
    name: "regularizer",
    carried: [],
    inputs: {
      samples: samplesSpec(config, { images: batch, on: regularizer.on }),
      ...regularizer.term === "sigreg" ? { directions } : {},
    },
    run({ samples, directions }) {
      const rows = tf.reshape(samples!, [-1, width]);
      const { value, slope } = termOf(regularizer, rows, directions);
      const scaled = tf.mul(slope, regularizer.weight * accumulate * lanes);
      return {
        ...monitorResults("regularizer", { term: value }),
        slope: tf.reshape(scaled, samples!.shape),
      };
    },
  };
}

/** The term of a batch. */
export interface BatchTerm {
  readonly monitors: MonitorsBy["regularizer"];
  /** For every sample, [B D] or [B Kc D]. */
  readonly slope: FloatTensor;
}

/** The rows of some images of a batch. @param slope [B D] or [B Kc D] */
export function slopeOfImages(
  { shape: [batch, ...rest], data }: FloatTensor,
  { first, count }: { readonly first: number; readonly count: number },
): FloatTensor {
  const length = data.length / batch!;
  return floatTensor([count, ...rest], data.subarray(first * length, (first + count) * length));
}

/** The programs of a term on a runtime. */
export class Regularizing implements Disposable {
  readonly #config: RegularizedStep;
  readonly #lanes: readonly Executable[];
  readonly #term: Executable;

  private constructor(
    config: RegularizedStep,
    { lanes, term }: { readonly lanes: readonly Executable[]; readonly term: Executable },
  ) {
    this.#config = config;
    this.#lanes = lanes;
    this.#term = term;
  }

  /** @param options `store`: has the encoder's weights; `slots` of a lane. @returns undefined without a term */
  static async create(
    runtime: Runtime,
    config: LanedStep,
    options: { readonly store: Store; readonly slots: number },
  ): Promise<Regularizing | undefined> {
    const { regularizer } = config;
    if (regularizer === undefined) return undefined;
    const whole = { ...config, regularizer };
    const program = samplesProgram(whole);
    const lanes: Executable[] = [];
    for (let lane = 0; lane < config.lanes; lane++) {
      lanes.push(await runtime.prepare(program, options));
    }
    return new Regularizing(whole, { lanes, term: await runtime.prepare(termProgram(whole)) });
  }

  /** Reserves for contexts of up to so many tokens. @returns the need of each program */
  reserve(context: number): readonly (Need | undefined)[] {
    const byTokens = this.#config.regularizer.on === "tokens" ? { context } : {};
    return [...this.#lanes.map((lane) => lane.reserve({ context })), this.#term.reserve(byTokens)];
  }

  /**
   * The term of a batch, under the current weights.
   *
   * @param feedsOf images and masks of a part, see `batchFeeds`
   * @throws the signal's reason when it came between two parts
   */
  async run(
    feedsOf: (part: { readonly round: number; readonly lane: number }) => TensorRecord,
    { step, signal }: { readonly step: number; readonly signal: AbortSignal | undefined },
  ): Promise<BatchTerm> {
    const { regularizer: { term, seed }, model: { encoder: { width } }, accumulate } = this.#config;
    const parts: FloatTensor[] = [];
    let directions: FloatTensor | undefined;
    for (let round = 0; round < accumulate; round++) {
      if (round > 0) await throwIfStopped(signal);
      const running = this.#lanes.map((executable, lane) => {
        const { images, context_tokens } = feedsOf({ round, lane });
        return executable.run({ images: images!, context_tokens: context_tokens! });
      });
      // Drawn while other threads work.
      if (term === "sigreg") directions ??= directionsOf({ seed, step, width });
      for (const { samples } of await Promise.all(running)) parts.push(samples as FloatTensor);
    }
    const results = await this.#term.run({
      samples: joined(parts),
      ...directions === undefined ? {} : { directions },
    });
    return {
      monitors: monitorsOf("regularizer", results),
      slope: results["slope"] as FloatTensor,
    };
  }

  [Symbol.dispose](): void {
    for (const executable of [...this.#lanes, this.#term]) executable.dispose();
  }
}

/** Samples of parts of a batch, one after the other. */
function joined(parts: readonly FloatTensor[]): FloatTensor {
  const [count, ...rest] = parts[0]!.shape;
  const whole = floatTensor([parts.length * count!, ...rest]);
  parts.forEach(({ data }, i) => whole.data.set(data, i * data.length));
  return whole;
}
