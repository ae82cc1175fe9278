/** What a pickle may name: a constant, or a function that Python would call. */
export type PickleGlobal =
  | { readonly constant: unknown }
  | { readonly call: (args: readonly unknown[]) => unknown };

/** What a reader of pickles knows about the world outside; whatever is not here is refused. */
export interface PickleWorld {
  /** By `module.name`. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** The object that a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/** A Python tuple; lists are arrays, dictionaries are maps with text or numbers as keys. */
export class Tuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** Where a list of items on the stack starts. */
const MARK = Symbol("mark");

/** Thrown for whatever is wrong with a pickle; the caller knows the file and names it. */
export class PickleError extends Error {}

/** The names of a pickle, as they are looked up; never an object of this program. */
class Named {
  readonly name: string;
  readonly global: PickleGlobal;

  constructor(name: string, global: PickleGlobal) {
    this.name = name;
    this.global = global;
  }
}

/** Bytes with a place in them. */
class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.#bytes.length) throw new PickleError("its pickle is cut short");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  number(kind: "Uint8" | "Uint16" | "Int32" | "Uint32" | "Float64"): number {
    const at = this.#at;
    const bytes = { Uint8: 1, Uint16: 2, Int32: 4, Uint32: 4, Float64: 8 }[kind];
    this.take(bytes);
    // Floats alone are big-endian in a pickle.
    return kind === "Uint8"
      ? this.#view.getUint8(at)
      : this.#view[`get${kind}`](at, kind !== "Float64");
  }

  text(count: number): string {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(this.take(count));
    } catch (error) {
      if (error instanceof PickleError) throw error;
      throw new PickleError("its pickle holds text that is not UTF-8");
    }
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleError("its pickle is cut short");
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  /** A whole number of any length, two's complement, little-endian. */
  long(): number {
    const bytes = this.take(this.number("Uint8"));
    const value = bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    return Number(BigInt.asIntN(8 * bytes.length, value));
  }
}

class Stack {
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
    const value = this.pop();
    this.#items.push(value);
    return value;
  }

  /** Everything since the last mark, which goes too. */
  popMarked(): unknown[] {
    const mark = this.#items.lastIndexOf(MARK);
    if (mark < 0) throw new PickleError("its pickle lacks a mark");
    return this.#items.splice(mark).slice(1);
  }
}

function intoList(list: unknown, items: readonly unknown[]): void {
  if (!Array.isArray(list)) throw new PickleError("its pickle appends to what is no list");
  for (const item of items) list.push(item);
}

function intoMap(map: unknown, items: readonly unknown[]): void {
  if (!(map instanceof Map) || items.length % 2 !== 0) {
    throw new PickleError("its pickle sets items of what is no dictionary");
  }
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (typeof key !== "string" && typeof key !== "number") {
      throw new PickleError("its pickle has a dictionary whose keys are neither text nor numbers");
    }
    map.set(key, items[i + 1]);
  }
}

/** One instruction of the pickle machine; the names are Python's. */
type Instruction = (
  machine: {
    readonly input: Cursor;
    readonly stack: Stack;
    readonly memo: Map<number, unknown>;
    readonly world: PickleWorld;
  },
) => void;

function remembered(memo: ReadonlyMap<number, unknown>, index: number): unknown {
  if (!memo.has(index)) throw new PickleError("its pickle refers to what it has not said");
  return memo.get(index);
}

/** All that protocol 2 needs for containers, numbers, text and tensors. */
const INSTRUCTIONS: Readonly<Record<number, Instruction>> = {
  0x28: ({ stack }) => stack.push(MARK), // MARK
  0x29: ({ stack }) => stack.push(new Tuple([])), // EMPTY_TUPLE
  0x5d: ({ stack }) => stack.push([]), // EMPTY_LIST
  0x7d: ({ stack }) => stack.push(new Map()), // EMPTY_DICT
  0x4e: ({ stack }) => stack.push(null), // NONE
  0x88: ({ stack }) => stack.push(true), // NEWTRUE
  0x89: ({ stack }) => stack.push(false), // NEWFALSE
  0x4a: ({ stack, input }) => stack.push(input.number("Int32")), // BININT
  0x4b: ({ stack, input }) => stack.push(input.number("Uint8")), // BININT1
  0x4d: ({ stack, input }) => stack.push(input.number("Uint16")), // BININT2
  0x47: ({ stack, input }) => stack.push(input.number("Float64")), // BINFLOAT
  0x8a: ({ stack, input }) => stack.push(input.long()), // LONG1
  0x58: ({ stack, input }) => stack.push(input.text(input.number("Uint32"))), // BINUNICODE
  0x71: ({ stack, input, memo }) => memo.set(input.number("Uint8"), stack.top()), // BINPUT
  0x72: ({ stack, input, memo }) => memo.set(input.number("Uint32"), stack.top()), // LONG_BINPUT
  0x68: ({ stack, input, memo }) => stack.push(remembered(memo, input.number("Uint8"))), // BINGET
  0x6a: ({ stack, input, memo }) => stack.push(remembered(memo, input.number("Uint32"))), // LONG_BINGET
  0x74: ({ stack }) => stack.push(new Tuple(stack.popMarked())), // TUPLE
  0x85: ({ stack }) => stack.push(new Tuple([stack.pop()])), // TUPLE1
  0x86: ({ stack }) => stack.push(new Tuple([stack.pop(), stack.pop()].reverse())), // TUPLE2
  0x87: ({ stack }) =>
    // TUPLE3
    stack.push(new Tuple([stack.pop(), stack.pop(), stack.pop()].reverse())),
  0x61({ stack }) { // APPEND
    const item = stack.pop();
    intoList(stack.top(), [item]);
  },
  0x65({ stack }) { // APPENDS
    const items = stack.popMarked();
    intoList(stack.top(), items);
  },
  0x73({ stack }) { // SETITEM
    const value = stack.pop(), key = stack.pop();
    intoMap(stack.top(), [key, value]);
  },
  0x75({ stack }) { // SETITEMS
    const items = stack.popMarked();
    intoMap(stack.top(), items);
  },
  0x63({ stack, input, world }) { // GLOBAL
    const name = `${input.line()}.${input.line()}`;
    const global = world.globals.get(name);
    if (global === undefined) throw new PickleError(`its pickle wants ${JSON.stringify(name)}`);
    stack.push("constant" in global ? global.constant : new Named(name, global));
  },
  0x52({ stack }) { // REDUCE
    const args = stack.pop(), callable = stack.pop();
    if (!(callable instanceof Named) || !("call" in callable.global) || !(args instanceof Tuple)) {
      throw new PickleError("its pickle calls what is no function");
    }
    stack.push(callable.global.call(args.items));
  },
  0x62({ stack }) { // BUILD
    stack.pop();
    // The attributes of a state dictionary, such as versions of layers, say nothing about weights.
    if (!(stack.top() instanceof Map)) {
      throw new PickleError("its pickle sets attributes of what is no dictionary");
    }
  },
  0x51: ({ stack, world }) => stack.push(world.persistent(stack.pop())), // BINPERSID
};

const PROTO = 0x80, STOP = 0x2e;

/**
 * Reads a pickle of protocol 2 that holds containers, numbers, text and what `world` allows. Nothing is executed: an
 * instruction or a name that is not known is refused.
 *
 * @throws {PickleError} says what, without the file
 */
export function readPickle(bytes: Uint8Array, world: PickleWorld): unknown {
  const input = new Cursor(bytes);
  if (input.number("Uint8") !== PROTO) throw new PickleError("its pickle has no protocol");
  const protocol = input.number("Uint8");
  if (protocol !== 2) throw new PickleError(`its pickle has protocol ${protocol}, wanted 2`);
  const machine = { input, stack: new Stack(), memo: new Map<number, unknown>(), world };
  for (;;) {
    const at = input.at;
    const code = input.number("Uint8");
    if (code === STOP) return machine.stack.pop();
    const instruction = Object.hasOwn(INSTRUCTIONS, code) ? INSTRUCTIONS[code] : undefined;
    if (instruction === undefined) {
      const name = `0x${code.toString(16).padStart(2, "0")}`;
      throw new PickleError(`its pickle has instruction ${name} at byte ${at}`);
    }
    instruction(machine);
  }
}
