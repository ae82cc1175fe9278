/** What stores of all runtimes have in common, and the one whose tensors are in this process's memory. */

import {
  type PrepareOptions,
  type Program,
  residentNames,
  residentSpecs,
  type Store,
  type TensorSpec,
} from "../compile/mod.ts";
import { floatTensor, sizeOf, type TensorRecord } from "../tensor.ts";

type Specs = Readonly<Record<string, TensorSpec>>;

/** What a tensor of a program is called in a store. */
export type NameOf = (name: string) => string;

function textOf({ dtype, shape }: { dtype: string; shape: readonly (number | string)[] }): string {
  return `${dtype} [${shape.join(" ")}]`;
}

/** @throws {RangeError} a tensor that the store has not, or has in another shape */
export function checkWritten(specs: Specs, tensors: TensorRecord): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    const spec = Object.hasOwn(specs, name) ? specs[name]! : undefined;
    if (spec === undefined) throw new RangeError(`Cannot write "${name}": the store has none`);
    if (textOf(tensor) !== textOf(spec)) {
      throw new RangeError(
        `Cannot write "${name}": expected ${textOf(spec)}, got ${textOf(tensor)}`,
      );
    }
  }
}

/** @throws {RangeError} the store lacks a tensor of the program, or has it in another shape */
function checkStored(
  program: Program,
  { specs }: Pick<Store, "specs">,
  nameOf: NameOf,
): void {
  for (const [name, wanted] of Object.entries(residentSpecs(program))) {
    const stored = nameOf(name), spec = Object.hasOwn(specs, stored) ? specs[stored]! : undefined;
    if (spec === undefined || textOf(spec) !== textOf(wanted)) {
      throw new RangeError(
        `Cannot prepare "${program.name}": expected "${stored}" in the store as ` +
          `${textOf(wanted)}, got ${spec === undefined ? "none" : textOf(spec)}`,
      );
    }
  }
}

/** @throws {RangeError} a tensor that must be written before the first run and was not, named */
export function expectSet(program: Program, isSet: (name: string) => boolean): void {
  const missing = residentNames(program).find((name) => !isSet(name));
  if (missing === undefined) return;
  throw new RangeError(`Cannot run "${program.name}": "${missing}" was never set`);
}

/** The store of an executable, with its names. */
export interface HeldStore<S extends Store> {
  readonly store: S;
  readonly nameOf: NameOf;
  /** Disposes the store if it is the executable's own. */
  release(): void;
}

/**
 * The store that a program is to be prepared on, or one of its own.
 *
 * @param make a store of this runtime
 * @throws {RangeError} the store lacks a tensor of the program, or has it in another shape
 */
export function holdStore<S extends Store>(
  program: Program,
  { store: given, nameOf = (name) => name }: Pick<PrepareOptions, "store" | "nameOf">,
  make: (specs: Specs) => S,
): HeldStore<S> {
  if (given !== undefined) {
    checkStored(program, given, nameOf);
    return { store: given as S, nameOf, release: () => {} };
  }
  const store = make(residentSpecs(program));
  return { store, nameOf: (name) => name, release: () => store[Symbol.dispose]() };
}

/** A tensor of a {@link HostStore}, in memory that the runtime works in. */
export interface HostTensorSlot {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
  isSet: boolean;
  /** Gives the memory back. */
  release(): void;
}

/** A store in this process's memory. */
export class HostStore<T extends HostTensorSlot> implements Store {
  readonly device = "memory";
  readonly specs: Specs;
  readonly bytes: number;
  readonly #tensors: ReadonlyMap<string, T>;

  /** @param make the memory of a tensor */
  constructor(specs: Specs, make: (shape: readonly number[]) => T) {
    this.specs = specs;
    this.#tensors = new Map(
      Object.entries(specs).map(([name, { shape }]) => [name, make(shape as number[])]),
    );
    this.bytes = [...this.#tensors.values()].reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  }

  /** All tensors. */
  get tensors(): readonly T[] {
    return [...this.#tensors.values()];
  }

  /** The tensors of a program that {@link holdStore} has checked, by its own names. */
  of(program: Program, nameOf: NameOf): ReadonlyMap<string, T> {
    return new Map(
      residentNames(program).map((name) => [name, this.#tensors.get(nameOf(name))!]),
    );
  }

  write(tensors: TensorRecord): void {
    checkWritten(this.specs, tensors);
    for (const [name, { data }] of Object.entries(tensors)) {
      const tensor = this.#tensors.get(name)!;
      tensor.data.set(data as Float32Array);
      tensor.isSet = true;
    }
  }

  // deno-lint-ignore require-await
  async read(names: readonly string[] = [...this.#tensors.keys()]): Promise<TensorRecord> {
    return Object.fromEntries(names.map((name) => {
      const { shape, data } = this.#tensors.get(name)!;
      return [name, floatTensor(shape, data.slice())];
    }));
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#tensors.values()) tensor.release();
  }
}
