/** Runs training steps on a runtime, with a batch split into parts and lanes. */
import type { Executable, Need, Runtime, Store } from "../compile/program.ts";
import { type MaskIndices, masksOfImages } from "../model/masks.ts";
import { floatTensor, type TensorRecord } from "../tensor.ts";
import { type BatchTerm, Regularizing, slopeOfImages } from "./regularizing.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import {
  laneShapes,
  lanesOf,
  nameInLane,
  type Part,
  partFeeds,
  POOLED,
  shapesInLanes,
} from "./lanes.ts";
import type { MonitorsBy } from "./monitors.ts";
import { meansOf, measureTargets, monitorsOf } from "./monitors/compute.ts";
import type { StepHyper } from "./schedules.ts";
import { stateShapes } from "./state.ts";
import {
  batchFeeds,
  gradientProgram,
  hyperFeeds,
  type LanedStep,
  specsOf,
  type StepConfig,
  updateProgram,
} from "./step.ts";
import { throwIfStopped } from "./stopping.ts";

/** Inputs of a step. */
export interface StepInput {
  /** Normalised, [B 3 H W] */
  readonly images: Float32Array<ArrayBuffer>;
  readonly masks: MaskIndices;
  readonly hyper: StepHyper;
  /** From 0. */
  readonly step: number;
  /** Aborted: a step that has parts left is dropped. @default never */
  readonly signal?: AbortSignal;
}

/** The monitors of a step, besides those of the loop. */
export type StepResult =
  & MonitorsBy["gradients"]
  & MonitorsBy["regularizer"]
  & MonitorsBy["update"]
  & MonitorsBy["trainer"];

/** The programs of a step. */
interface StepPrograms {
  readonly lanes: readonly Executable[];
  readonly regularizing: Regularizing | undefined;
  readonly exchange: Exchange;
  readonly update: Executable;
  /** State and gradients: what the programs share. */
  readonly store: Store;
}

/** Networks and optimizer on a runtime, one update at a time. */
export class Trainer implements Disposable {
  readonly #config: LanedStep;
  readonly #lanes: readonly Executable[];
  readonly #regularizing: Regularizing | undefined;
  readonly #exchange: Exchange;
  readonly #update: Executable;
  readonly #store: Store;

  private constructor(config: LanedStep, programs: StepPrograms) {
    this.#config = config;
    this.#lanes = programs.lanes;
    this.#regularizing = programs.regularizing;
    this.#exchange = programs.exchange;
    this.#update = programs.update;
    this.#store = programs.store;
    const zeros = Object.entries(shapesInLanes(laneShapes(config), config.lanes))
      .map(([name, shape]) => [name, floatTensor(shape)]);
    this.#store.write(Object.fromEntries(zeros));
  }

  /** Prepares the step of a configuration on a runtime. */
  static async create(runtime: Runtime, config: StepConfig): Promise<Trainer> {
    const lanes = lanesOf(runtime.slots, config.batch / config.accumulate);
    const whole = { ...config, lanes }, shapes = laneShapes(config);
    const store = runtime.store(
      specsOf({ ...stateShapes(config.model), ...shapesInLanes(shapes, lanes) }),
    );
    const update = await runtime.prepare(updateProgram(whole), { store, nameOf: nameInLane(0) });
    const exchange = await createExchange(runtime, { store, shapes, lanes });
    const slots = Math.floor(runtime.slots / lanes);
    const executables: Executable[] = [];
    const program = gradientProgram(whole);
    for (let lane = 0; lane < lanes; lane++) {
      const nameOf = nameInLane(lane);
      executables.push(await runtime.prepare(program, { store, nameOf, slots }));
    }
    const regularizing = await Regularizing.create(runtime, whole, { store, slots });
    return new Trainer(whole, { lanes: executables, regularizing, exchange, update, store });
  }

  /** How many parts of a batch are computed at the same time. */
  get lanes(): number {
    return this.#lanes.length;
  }

  /**
   * Reserves for steps with masks of up to so many tokens.
   *
   * @returns their need besides state and gradients, if the runtime knows it
   */
  reserve(longest: { readonly context: number; readonly targets: number }): Need | undefined {
    const update = this.#update.reserve({}), exchange = this.#exchange.reserve();
    if (update === undefined || exchange === undefined) return undefined;
    // These two work on one tensor after the other: negligible beside the lanes.
    let programBytes = update.programBytes + exchange.programBytes, workBytes = 0;
    const others = this.#regularizing?.reserve(longest.context) ?? [];
    for (const need of [...this.#lanes.map((lane) => lane.reserve(longest)), ...others]) {
      programBytes += need!.programBytes;
      workBytes += need!.workBytes;
    }
    return { programBytes, workBytes };
  }

  /** Sets the state, or parts of it. All of it must be set before the first step. */
  write(state: TensorRecord): void {
    this.#store.write(state);
  }

  /**
   * One update. A part of the batch changes only gradients, which the next step resets: a step that is dropped between
   * two parts has no effect. After any other error the state is undefined.
   *
   * @throws the signal's reason when the step was dropped
   */
  async step(input: StepInput): Promise<StepResult> {
    const { hyper, step, signal } = input, config = this.#config;
    const { accumulate } = config;
    const term = await this.#regularizing?.run((part) => this.#feedsOf(input, part), {
      step,
      signal,
    });
    const monitors: MonitorsBy["gradients"][] = [];
    for (let round = 0; round < accumulate; round++) {
      if (round > 0) await throwIfStopped(signal);
      const running = this.#lanes.map((_, lane) => this.#runPart(input, { round, lane }, term));
      monitors.push(...await Promise.all(running));
    }
    await this.#exchange.sum();
    const updating = this.#update.run(hyperFeeds(hyper, { step, config }));
    // The runtime works on other threads where it can.
    const measured = await measureTargets(step, () => this.#pooledTargets());
    return {
      ...meansOf(monitors),
      ...term?.monitors,
      ...monitorsOf("update", await updating),
      ...measured,
    };
  }

  /** The images of a part. */
  #imagesOf({ round, lane }: Part): { readonly first: number; readonly count: number } {
    const { batch, accumulate, lanes } = this.#config;
    const count = batch / accumulate / lanes;
    return { first: (round * lanes + lane) * count, count };
  }

  /** Images and masks of a part of a batch. */
  #feedsOf({ images, masks }: Pick<StepInput, "images" | "masks">, part: Part): TensorRecord {
    const { first, count } = this.#imagesOf(part);
    const { batch, targetBlocks } = this.#config;
    const imageLength = images.length / batch;
    return batchFeeds(
      images.subarray(first * imageLength, (first + count) * imageLength),
      masksOfImages(masks, { first, count, blocks: targetBlocks }),
      this.#config,
    );
  }

  async #runPart(
    input: StepInput,
    part: Part,
    term: BatchTerm | undefined,
  ): Promise<MonitorsBy["gradients"]> {
    const results = await this.#lanes[part.lane]!.run({
      ...this.#feedsOf(input, part),
      ...partFeeds(part, this.#config),
      ...term === undefined ? {} : { slope: slopeOfImages(term.slope, this.#imagesOf(part)) },
    });
    return monitorsOf("gradients", results);
  }

  /** Those of the whole batch, a copy. */
  async #pooledTargets(): Promise<{ readonly pooled: Float32Array; readonly width: number }> {
    const name = nameInLane(0)(POOLED), { [name]: pooled } = await this.#store.read([name]);
    return {
      pooled: pooled!.data as Float32Array,
      width: this.#config.model.predictor.outputWidth,
    };
  }

  /** A copy of the state. */
  read(): Promise<TensorRecord> {
    return this.#store.read(Object.keys(stateShapes(this.#config.model)));
  }

  [Symbol.dispose](): void {
    this.#regularizing?.[Symbol.dispose]();
    this.#exchange[Symbol.dispose]();
    for (const executable of [...this.#lanes, this.#update]) executable.dispose();
    this.#store[Symbol.dispose]();
  }
}
