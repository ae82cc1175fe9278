import type { Executable, Need, Runtime } from "../compile/program.ts";
import { type Masks, masksOfImages } from "../model/masks.ts";
import { floatTensor, type TensorRecord } from "../tensor.ts";
import { effectiveRank } from "./effective_rank.ts";
import type { StepHyper } from "./schedules.ts";
import { stateShapes } from "./state.ts";
import {
  batchFeeds,
  gradientProgram,
  gradientShapes,
  hyperFeeds,
  type LanedStep,
  nameInLane,
  type StepConfig,
  updateProgram,
} from "./step.ts";
import { yieldToEvents } from "./stopping.ts";

/** What a step works on. */
export interface StepInput {
  /** Normalised, [B 3 H W] */
  readonly images: Float32Array<ArrayBuffer>;
  readonly masks: Omit<Masks, "relaxedSamples">;
  readonly hyper: StepHyper;
  /** From 0. */
  readonly step: number;
  /** Aborted: a step that has parts left is dropped. @default never */
  readonly signal?: AbortSignal;
}

/** What a step tells. */
export interface StepResult {
  readonly loss: number;
  /** See `targetMonitors`. */
  readonly targetStd: number;
  readonly targetCosine: number;
  /** {@link effectiveRank} of the pooled targets, in every tenth step. */
  readonly targetRank?: number;
}

/**
 * Steps between two looks at the rank. It changes over hundreds of steps. A look takes 0.1 ms for 32 images 128 wide and
 * 4 ms for 128 that are 192 wide: of every tenth step that is less than a hundredth of its time.
 */
const RANK_STEPS = 10;

/** What a part of a batch tells. */
interface PartResult {
  readonly loss: number;
  /** [b T] */
  readonly pooled: Float32Array;
}

function scalarOf(results: TensorRecord, name: string): number {
  return Number(results[name]!.data[0]);
}

function scalar(value: number): TensorRecord[string] {
  return floatTensor([], Float32Array.of(value));
}

/**
 * How many lanes work on a batch at the same time: one per thread, if its images can be shared out equally. Two sessions
 * of one thread each are faster than one of two, whose threads wait for each other after every operation.
 */
export function lanesOf(threads: number, images: number): number {
  for (let lanes = Math.min(threads, images); lanes > 1; lanes--) {
    if (images % lanes === 0) return lanes;
  }
  return 1;
}

/** Networks and optimizer on a runtime, one update at a time. */
export class Trainer implements Disposable {
  readonly #config: LanedStep;
  readonly #lanes: readonly Executable[];
  readonly #update: Executable;

  private constructor(
    config: LanedStep,
    { lanes, update }: { readonly lanes: readonly Executable[]; readonly update: Executable },
  ) {
    this.#config = config;
    this.#lanes = lanes;
    this.#update = update;
    for (const executable of lanes) {
      const zeros = Object.entries(gradientShapes(config.model))
        .map(([name, shape]) => [name, floatTensor(shape)]);
      executable.write(Object.fromEntries(zeros));
    }
  }

  /** Prepares the step of a configuration on a runtime. */
  static async create(runtime: Runtime, config: StepConfig): Promise<Trainer> {
    const lanes = lanesOf(runtime.threads, config.batch / config.accumulate);
    const whole = { ...config, lanes };
    const update = await runtime.prepare(updateProgram(whole));
    const threads = Math.floor(runtime.threads / lanes);
    const executables: Executable[] = [];
    const program = gradientProgram(whole);
    for (let lane = 0; lane < lanes; lane++) {
      const sharing = { sharing: update, sharedName: nameInLane(lane) };
      executables.push(await runtime.prepare(program, { ...sharing, threads }));
    }
    return new Trainer(whole, { lanes: executables, update });
  }

  /** How many parts of a batch are worked through at the same time. */
  get lanes(): number {
    return this.#lanes.length;
  }

  /**
   * Makes ready for steps with masks of up to so many tokens.
   *
   * @returns what they need besides state and gradients, where the runtime can tell
   */
  reserve(longest: { readonly context: number; readonly targets: number }): Need | undefined {
    const update = this.#update.reserve({});
    if (update === undefined) return undefined;
    // The update works on one tensor after the other: next to nothing beside the lanes.
    let { programBytes } = update, workBytes = 0;
    for (const lane of this.#lanes) {
      const need = lane.reserve(longest)!;
      programBytes += need.programBytes;
      workBytes += need.workBytes;
    }
    return { programBytes, workBytes };
  }

  /** Sets the state, or parts of it. All of it must be set before the first step. */
  write(state: TensorRecord): void {
    this.#update.write(state);
  }

  /**
   * One update. A part of the batch changes nothing but gradients, which the next step begins anew: a step that is dropped
   * between two parts has not happened. After any other error the state is undefined.
   *
   * @throws the signal's reason when the step was dropped
   */
  async step({ images, masks, hyper, step, signal }: StepInput): Promise<StepResult> {
    const config = this.#config;
    const { batch, accumulate, model: { predictor: { outputWidth } } } = config;
    const pooled = floatTensor([batch, outputWidth]);
    let loss = 0, filled = 0;
    for (let round = 0; round < accumulate; round++) {
      if (round > 0 && signal !== undefined) {
        await yieldToEvents();
        signal.throwIfAborted();
      }
      const parts = await Promise.all(
        this.#lanes.map((_, lane) => this.#runPart({ images, masks, round, lane })),
      );
      for (const part of parts) {
        loss += part.loss / (accumulate * parts.length);
        pooled.data.set(part.pooled, filled);
        filled += part.pooled.length;
      }
    }
    const updating = this.#update.run({
      pooled_targets: pooled,
      ...hyperFeeds(hyper, { step, config }),
    });
    // The runtime works on other threads where it can.
    const ranked = step % RANK_STEPS === 0
      ? { targetRank: effectiveRank(pooled.data, outputWidth) }
      : {};
    const results = await updating;
    return {
      loss,
      targetStd: scalarOf(results, "target_std"),
      targetCosine: scalarOf(results, "target_cosine"),
      ...ranked,
    };
  }

  async #runPart(
    { images, masks, round, lane }: Pick<StepInput, "images" | "masks"> & {
      readonly round: number;
      readonly lane: number;
    },
  ): Promise<PartResult> {
    const config = this.#config;
    const { batch, accumulate, lanes, targetBlocks } = config;
    const count = batch / accumulate / lanes;
    const first = (round * lanes + lane) * count;
    const imageLength = images.length / batch;
    const results = await this.#lanes[lane]!.run({
      ...batchFeeds(
        images.subarray(first * imageLength, (first + count) * imageLength),
        masksOfImages(masks, { first, count, blocks: targetBlocks }),
        config,
      ),
      ...accumulate > 1 ? { carry: scalar(round === 0 ? 0 : 1) } : {},
    });
    const pooled = results["pooled_targets"]!.data as Float32Array;
    return { loss: scalarOf(results, "loss"), pooled };
  }

  /** A copy of the state. */
  read(): Promise<TensorRecord> {
    return this.#update.read(Object.keys(stateShapes(this.#config.model)));
  }

  [Symbol.dispose](): void {
    for (const executable of [...this.#lanes, this.#update]) executable.dispose();
  }
}
