/** The state of the pickle interpreter: values, stack and memo. */
import { PickleError } from "./cursor.ts";

/** What a pickle may name: a constant, or a function that Python would call. */
export type PickleGlobal =
  | { readonly constant: unknown }
  | { readonly call: (args: readonly unknown[]) => unknown };

/** A Python tuple; lists are arrays, dictionaries are maps with text or numbers as keys. */
export class Tuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** An object of a class that is not supported: its name, without its content. */
export class Foreign {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A function or class that a pickle names, not what it makes. */
export class Named {
  readonly name: string;
  readonly global: PickleGlobal | undefined;

  constructor(name: string, global: PickleGlobal | undefined) {
    this.name = name;
    this.global = global;
  }

  /** The value that the call gives in Python. */
  call(args: Tuple): unknown {
    if (this.global === undefined) return new Foreign(this.name);
    if ("call" in this.global) return this.global.call(args.items);
    throw new PickleError("its pickle calls what is no function");
  }
}

/** Marks the start of a list of items on the stack. */
export const MARK = Symbol("mark");

/** Each byte of a pickle can be an instruction, and make an object of a hundred bytes. */
export const MOST_INSTRUCTIONS = 4_000_000, MOST_CONTAINERS = 1_000_000;

/** The stack of the interpreter. */
export class Stack {
  readonly #items: unknown[] = [];

  push(value: unknown): void {
    this.#items.push(value);
  }

  pop(): unknown {
    if (this.#items.length === 0 || this.#items.at(-1) === MARK) {
      throw new PickleError("its pickle takes from an empty stack");
    }
    return this.#items.pop();
  }

  top(): unknown {
    const value = this.#items.at(-1);
    return value === MARK || this.#items.length === 0 ? this.pop() : value;
  }

  /** So many items, in the order in which they were put there. */
  popAll(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  /** Everything since the last mark, which is removed too. */
  popMarked(): unknown[] {
    const mark = this.#items.lastIndexOf(MARK);
    if (mark < 0) throw new PickleError("its pickle lacks a mark");
    return this.#items.splice(mark).slice(1);
  }
}

/** The memo: values that a pickle refers to again, by consecutive numbers. */
export class Memo {
  readonly #values: unknown[] = [];

  put(index: number, value: unknown): void {
    if (index > MOST_INSTRUCTIONS) throw new PickleError("its pickle counts what it has not said");
    this.#values[index] = value;
  }

  add(value: unknown): void {
    this.#values.push(value);
  }

  get(index: number): unknown {
    const value = this.#values[index];
    if (value === undefined) throw new PickleError("its pickle refers to what it has not said");
    return value;
  }
}
