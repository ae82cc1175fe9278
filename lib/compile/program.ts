/** The interfaces on either side of the compiler: programs, and the runtimes and executables that run them. */
import type * as tf from "@tensorflow/tfjs";
import type { TensorRecord } from "../tensor.ts";
import type { Bindings } from "./graph/length.ts";

/** An axis length: a number, or the name of a length that may differ from run to run. */
export type Extent = number | string;

/** Element type and shape of a program's input. */
export interface TensorSpec {
  readonly dtype: "float32" | "int32";
  readonly shape: readonly Extent[];
}

/** Tensors by name inside a program. */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

/**
 * A pure function of named tensors, written in TensorFlow.js ops. A name that is input and result alike is
 * carried: it stays in the runtime from one run to the next (weights, moments).
 */
export interface Program {
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  /** Inputs that the function also returns, updated. */
  readonly carried: readonly string[];
  /** Inputs that are set once and stay as they are: the weights of a finished network. @default none */
  readonly parameters?: readonly string[];
  /** The function itself: pure, no value may be read inside. */
  run(inputs: Tensors): Tensors;
}

/** Names of the inputs that stay in the runtime: what is carried, then what never changes. */
export function residentNames(
  { carried, parameters = [] }: Pick<Program, "carried" | "parameters">,
): readonly string[] {
  return [...carried, ...parameters];
}

/** Memory of a program in bytes, besides what stays in the runtime. */
export interface Need {
  /** The program itself; 0 where another executable has the same one. */
  readonly programBytes: number;
  /** What a run works in. */
  readonly workBytes: number;
}

/** A program that is ready to run on some device. */
export interface Executable {
  /**
   * Makes ready for runs, so that the first is as fast as the others. It may be left out, and lengths may be exceeded.
   *
   * @param lengths the longest that are expected, of all named axes
   * @returns what runs of these lengths need, where the runtime can tell
   */
  reserve(lengths: Bindings): Need | undefined;
  /** Sets carried tensors and parameters; the data is copied. All must be set before the first run. */
  write(tensors: TensorRecord): void;
  /** Runs once: takes the inputs that do not stay in the runtime, gives the results that do not. */
  run(feeds: TensorRecord): Promise<TensorRecord>;
  /** Copies of tensors that stay in the runtime, as they are now. @param names which @default all */
  read(names?: readonly string[]): Promise<TensorRecord>;
  dispose(): void;
}

/** Something that can run programs. */
export interface Runtime {
  /** The name that `--runtime` takes. */
  readonly name: string;
  /** What runs the work, for people: library, version, device, threads. */
  readonly description: string;
  /** Threads that work at the same time at most. */
  readonly threads: number;
  /**
   * Prepares a program. One executable serves all lengths of the named axes.
   *
   * @param options `sharing`: another executable of this runtime; what stays in the runtime under the same name in both
   * is one tensor. They must not run at the same time if one changes what the other reads. `sharedName`: under which
   * name the other has a tensor, its own by default. `threads`: of this executable, all by default. Preparing the same
   * program again costs less
   */
  prepare(
    program: Program,
    options?: {
      readonly sharing?: Executable;
      sharedName?(name: string): string;
      readonly threads?: number;
    },
  ): Promise<Executable>;
}
