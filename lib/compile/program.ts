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

/** The specs of those inputs: what a store for the program has. */
export function residentSpecs(program: Program): Readonly<Record<string, TensorSpec>> {
  return Object.fromEntries(residentNames(program).map((name) => [name, program.inputs[name]!]));
}

/** Memory of a program in bytes, besides what stays in the runtime. */
export interface Need {
  /** The program itself; 0 where another executable has the same one. */
  readonly programBytes: number;
  /** What a run works in. */
  readonly workBytes: number;
}

/** Float32 tensors that stay in a runtime from one run to the next, by name. Its owner is the code that makes it, which disposes it. */
export interface Store extends Disposable {
  readonly specs: Readonly<Record<string, TensorSpec>>;
  /** Where the tensors are. */
  readonly device: string;
  readonly bytes: number;
  /** Copies tensors in. All that a program has must be set before its first run. @throws {RangeError} unknown or misshapen */
  write(tensors: TensorRecord): void;
  /** Copies of tensors as they are now. @param names which @default all */
  read(names?: readonly string[]): Promise<TensorRecord>;
}

/** A program that is ready to run on some device. */
export interface Executable {
  /** What its carried tensors and parameters are in. */
  readonly store: Store;
  /**
   * Makes ready for runs, so that the first is as fast as the others. It may be left out, and lengths may be exceeded.
   *
   * @param lengths the longest that are expected, of all named axes
   * @returns what runs of these lengths need, where the runtime can determine it
   */
  reserve(lengths: Bindings): Need | undefined;
  /** Runs once: takes the inputs that do not stay in the runtime, gives the results that do not. */
  run(feeds: TensorRecord): Promise<TensorRecord>;
  /** Gives back what it has, and its store if that is its own. */
  dispose(): void;
}

/** How a program is prepared, see {@link Runtime.prepare}. */
export interface PrepareOptions {
  readonly store?: Store;
  nameOf?(name: string): string;
  readonly slots?: number;
}

/** Something that can run programs. */
export interface Runtime {
  /** The name that `--runtime` takes. */
  readonly name: string;
  /** What runs the work, for people: library, version, device, threads. */
  readonly description: string;
  /** Programs that it runs at the same time at most, each in a slot: a thread here, a device elsewhere. */
  readonly slots: number;
  /** Memory for tensors that stay in the runtime. All their lengths are numbers. */
  store(specs: Readonly<Record<string, TensorSpec>>): Store;
  /**
   * Prepares a program. One executable serves all lengths of the named axes. Preparing the same program again costs less.
   *
   * @param options `store`: of this runtime, with all that stays of the program; by default one of its own. Executables
   * on one store must not run at the same time if one changes what the other reads. `nameOf`: what a tensor of the
   * program is called in the store, the same by default. `slots`: how many work on a run, all by default
   * @throws {RangeError} the store lacks a tensor, or has it in another shape
   */
  prepare(program: Program, options?: PrepareOptions): Promise<Executable>;
}
