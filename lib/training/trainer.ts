import type { Executable, Runtime } from "../compile/program.ts";
import { type Masks, masksOfImages } from "../model/masks.ts";
import { floatTensor, prefixed, type TensorRecord } from "../tensor.ts";
import type { ShapeTable } from "../model/parameters.ts";
import type { StepHyper } from "./schedules.ts";
import { tableShapes, trainedShapes, updatedShapes } from "./state.ts";
import {
  batchFeeds,
  GRADIENT,
  gradientProgram,
  hyperFeeds,
  type StepConfig,
  trainProgram,
  updateProgram,
} from "./step.ts";

/** What a step works on. */
export interface StepInput {
  /** Normalised, [B 3 H W] */
  readonly images: Float32Array<ArrayBuffer>;
  readonly masks: Omit<Masks, "relaxedSamples">;
  readonly hyper: StepHyper;
  /** From 0. */
  readonly step: number;
}

/** What a step tells. */
export interface StepResult {
  readonly loss: number;
  /** See `targetMonitors`. */
  readonly targetStd: number;
  readonly targetCosine: number;
}

/** Networks and optimizer on a runtime, one update at a time. */
export interface Trainer {
  /** Sets the state, or parts of it. All of it must be set before the first step. */
  write(state: TensorRecord): void;
  step(input: StepInput): Promise<StepResult>;
  /** A copy of the state. */
  read(): Promise<TensorRecord>;
  dispose(): void;
}

function scalarOf(results: TensorRecord, name: string): number {
  return Number(results[name]!.data[0]);
}

/** Everything in one program. */
class WholeTrainer implements Trainer {
  readonly #config: StepConfig;
  readonly #executable: Executable;

  constructor(config: StepConfig, executable: Executable) {
    this.#config = config;
    this.#executable = executable;
  }

  write(state: TensorRecord): void {
    this.#executable.write(state);
  }

  async step({ images, masks, hyper, step }: StepInput): Promise<StepResult> {
    const config = this.#config;
    const results = await this.#executable.run({
      ...batchFeeds(images, masks, config),
      ...hyperFeeds(hyper, { step, config }),
    });
    return {
      loss: scalarOf(results, "loss"),
      targetStd: scalarOf(results, "target_std"),
      targetCosine: scalarOf(results, "target_cosine"),
    };
  }

  read(): Promise<TensorRecord> {
    return this.#executable.read();
  }

  dispose(): void {
    this.#executable.dispose();
  }
}

/** Gradients part by part, then one update: the same as the whole batch at once, in the memory of a part. */
class AccumulatingTrainer implements Trainer {
  readonly #config: StepConfig;
  readonly #gradients: Executable;
  readonly #update: Executable;
  readonly #tables: ShapeTable;

  constructor(
    config: StepConfig,
    { gradients, update }: { readonly gradients: Executable; readonly update: Executable },
  ) {
    this.#config = config;
    this.#gradients = gradients;
    this.#update = update;
    this.#tables = tableShapes(config.model);
    const zeros = Object.entries(prefixed(GRADIENT, trainedShapes(config.model)))
      .map(([name, shape]) => [name, floatTensor(shape)]);
    gradients.write(Object.fromEntries(zeros));
  }

  write(state: TensorRecord): void {
    const entries = Object.entries(state);
    const isTable = ([name]: readonly [string, unknown]) => name in this.#tables;
    this.#gradients.write(Object.fromEntries(entries.filter(isTable)));
    this.#update.write(Object.fromEntries(entries.filter((entry) => !isTable(entry))));
  }

  async step({ images, masks, hyper, step }: StepInput): Promise<StepResult> {
    const config = this.#config;
    const { batch, accumulate, targetBlocks } = config;
    const size = batch / accumulate;
    const pooled: Float32Array[] = [];
    let loss = 0;
    for (let part = 0; part < accumulate; part++) {
      const first = part * size;
      const span = images.length / accumulate;
      const results = await this.#gradients.run({
        ...batchFeeds(
          images.subarray(part * span, (part + 1) * span),
          masksOfImages(masks, { first, count: size, blocks: targetBlocks }),
          config,
        ),
        carry: floatTensor([], Float32Array.of(part === 0 ? 0 : 1)),
      });
      loss += scalarOf(results, "loss") / accumulate;
      pooled.push(results["pooled_targets"]!.data as Float32Array);
    }
    const width = pooled[0]!.length / size;
    const together = floatTensor([batch, width]);
    pooled.forEach((rows, part) => together.data.set(rows, part * rows.length));
    const results = await this.#update.run({
      pooled_targets: together,
      ...hyperFeeds(hyper, { step, config }),
    });
    return {
      loss,
      targetStd: scalarOf(results, "target_std"),
      targetCosine: scalarOf(results, "target_cosine"),
    };
  }

  async read(): Promise<TensorRecord> {
    const { model } = this.#config;
    const tables = await this.#gradients.read(Object.keys(tableShapes(model)));
    return { ...tables, ...await this.#update.read(Object.keys(updatedShapes(model))) };
  }

  dispose(): void {
    this.#gradients.dispose();
    this.#update.dispose();
  }
}

/** Prepares the step of a configuration on a runtime. */
export async function createTrainer(runtime: Runtime, config: StepConfig): Promise<Trainer> {
  if (config.accumulate === 1) {
    return new WholeTrainer(config, await runtime.prepare(trainProgram(config)));
  }
  const update = await runtime.prepare(updateProgram(config));
  const gradients = await runtime.prepare(gradientProgram(config), { sharing: update });
  return new AccumulatingTrainer(config, { gradients, update });
}
