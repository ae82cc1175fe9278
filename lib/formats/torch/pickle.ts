/** The interpreter of pickles: a table of instructions, and the loop over them. */
import { Cursor, PickleError } from "./cursor.ts";
import {
  Foreign,
  MARK,
  Memo,
  MOST_CONTAINERS,
  MOST_INSTRUCTIONS,
  Named,
  type PickleGlobal,
  Stack,
  Tuple,
} from "./machine.ts";

/** The globals and persistent objects that pickles may refer to. */
export interface PickleWorld {
  /** By `module.name`; any other name becomes a {@link Foreign}. */
  readonly globals: ReadonlyMap<string, PickleGlobal>;
  /** The object that a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/**
 * Functions that no file of weights needs. Nothing is executed here, but Python would run these, so such a file is
 * refused.
 */
const HOSTILE = new RegExp(
  "^((os|posix|nt|subprocess|sys|pty|runpy|socket|shutil|ctypes|importlib|webbrowser|commands)\\." +
    "|(builtins|__builtin__)\\.(eval|exec|execfile|compile|open|__import__|input|breakpoint)$)",
);

/** Bytes of a pickle; arrays inside it, without storages of their own, are not read. */
export const LARGEST_PICKLE_BYTES = 1 << 26;

function intoList(list: unknown, items: readonly unknown[]): void {
  if (list instanceof Foreign) return;
  if (!Array.isArray(list)) throw new PickleError("its pickle appends to what is no list");
  for (const item of items) list.push(item);
}

/** Skips items under keys other than text and numbers, which have no weights. */
function intoMap(map: unknown, items: readonly unknown[]): void {
  if (map instanceof Foreign) return;
  if (!(map instanceof Map) || items.length % 2 !== 0) {
    throw new PickleError("its pickle sets items of what is no dictionary");
  }
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (typeof key === "string" || typeof key === "number") map.set(key, items[i + 1]);
  }
}

interface Machine {
  readonly input: Cursor;
  readonly stack: Stack;
  readonly memo: Memo;
  readonly world: PickleWorld;
}

function named({ stack, world }: Machine, name: string): void {
  const global = world.globals.get(name);
  if (global === undefined && HOSTILE.test(name)) {
    throw new PickleError(`its pickle wants ${JSON.stringify(name)}`);
  }
  stack.push(
    global !== undefined && "constant" in global ? global.constant : new Named(name, global),
  );
}

function call({ stack }: Machine, callable: unknown, args: unknown): void {
  if (callable instanceof Foreign) stack.push(callable);
  else if (callable instanceof Named && args instanceof Tuple) stack.push(callable.call(args));
  else throw new PickleError("its pickle calls what is no function");
}

/** Bytes beside the weights. */
function skipBytes({ input, stack }: Machine, count: number): void {
  input.take(count);
  stack.push(new Foreign("bytes"));
}

function integer({ input, stack }: Machine, bytes: number): void {
  stack.push(input.integer(bytes) ?? new Foreign("int"));
}

/** The names are Python's: all of protocols 2 to 5 but extensions, and buffers that are not in the file. */
const INSTRUCTIONS: Readonly<Record<number, (machine: Machine) => void>> = {
  0x28: ({ stack }) => stack.push(MARK), // MARK
  0x29: ({ stack }) => stack.push(new Tuple([])), // EMPTY_TUPLE
  0x5d: ({ stack }) => stack.push([]), // EMPTY_LIST
  0x7d: ({ stack }) => stack.push(new Map()), // EMPTY_DICT
  0x8f: ({ stack }) => stack.push(new Foreign("set")), // EMPTY_SET
  0x4e: ({ stack }) => stack.push(null), // NONE
  0x88: ({ stack }) => stack.push(true), // NEWTRUE
  0x89: ({ stack }) => stack.push(false), // NEWFALSE
  0x4a: ({ stack, input }) => stack.push(input.number("Int32")), // BININT
  0x4b: ({ stack, input }) => stack.push(input.number("Uint8")), // BININT1
  0x4d: ({ stack, input }) => stack.push(input.number("Uint16")), // BININT2
  0x47: ({ stack, input }) => stack.push(input.number("Float64")), // BINFLOAT
  0x8a: (machine) => integer(machine, machine.input.number("Uint8")), // LONG1
  0x8b: (machine) => integer(machine, machine.input.number("Int32")), // LONG4
  0x8c: ({ stack, input }) => stack.push(input.text(input.number("Uint8"))), // SHORT_BINUNICODE
  0x58: ({ stack, input }) => stack.push(input.text(input.number("Uint32"))), // BINUNICODE
  0x8d: ({ stack, input }) => stack.push(input.text(input.length64())), // BINUNICODE8
  0x55: ({ stack, input }) => stack.push(input.oldText(input.number("Uint8"))), // SHORT_BINSTRING
  0x54: ({ stack, input }) => stack.push(input.oldText(input.number("Int32"))), // BINSTRING
  0x43: (machine) => skipBytes(machine, machine.input.number("Uint8")), // SHORT_BINBYTES
  0x42: (machine) => skipBytes(machine, machine.input.number("Uint32")), // BINBYTES
  0x8e: (machine) => skipBytes(machine, machine.input.length64()), // BINBYTES8
  0x96: (machine) => skipBytes(machine, machine.input.length64()), // BYTEARRAY8
  0x71: ({ stack, input, memo }) => memo.put(input.number("Uint8"), stack.top()), // BINPUT
  0x72: ({ stack, input, memo }) => memo.put(input.number("Uint32"), stack.top()), // LONG_BINPUT
  0x94: ({ stack, memo }) => memo.add(stack.top()), // MEMOIZE
  0x68: ({ stack, input, memo }) => stack.push(memo.get(input.number("Uint8"))), // BINGET
  0x6a: ({ stack, input, memo }) => stack.push(memo.get(input.number("Uint32"))), // LONG_BINGET
  0x30: ({ stack }) => stack.pop(), // POP
  0x31: ({ stack }) => stack.popMarked(), // POP_MARK
  0x32: ({ stack }) => stack.push(stack.top()), // DUP
  0x74: ({ stack }) => stack.push(new Tuple(stack.popMarked())), // TUPLE
  0x85: ({ stack }) => stack.push(new Tuple(stack.popAll(1))), // TUPLE1
  0x86: ({ stack }) => stack.push(new Tuple(stack.popAll(2))), // TUPLE2
  0x87: ({ stack }) => stack.push(new Tuple(stack.popAll(3))), // TUPLE3
  0x61({ stack }) { // APPEND
    const item = stack.pop();
    intoList(stack.top(), [item]);
  },
  0x65({ stack }) { // APPENDS
    const items = stack.popMarked();
    intoList(stack.top(), items);
  },
  0x73({ stack }) { // SETITEM
    const item = stack.popAll(2);
    intoMap(stack.top(), item);
  },
  0x75({ stack }) { // SETITEMS
    const items = stack.popMarked();
    intoMap(stack.top(), items);
  },
  0x90({ stack }) { // ADDITEMS
    stack.popMarked();
    if (!(stack.top() instanceof Foreign)) {
      throw new PickleError("its pickle adds to what is no set");
    }
  },
  0x91({ stack }) { // FROZENSET
    stack.popMarked();
    stack.push(new Foreign("frozenset"));
  },
  0x63: (machine) => named(machine, `${machine.input.line()}.${machine.input.line()}`), // GLOBAL
  0x93(machine) { // STACK_GLOBAL
    const [module, name] = machine.stack.popAll(2);
    if (typeof module !== "string" || typeof name !== "string") {
      throw new PickleError("its pickle has a name that is no text");
    }
    named(machine, `${module}.${name}`);
  },
  0x52(machine) { // REDUCE
    const [callable, args] = machine.stack.popAll(2);
    call(machine, callable, args);
  },
  0x81(machine) { // NEWOBJ
    const [type, args] = machine.stack.popAll(2);
    call(machine, type, args);
  },
  0x92(machine) { // NEWOBJ_EX
    const [type, args] = machine.stack.popAll(3);
    call(machine, type, args);
  },
  0x62({ stack }) { // BUILD
    stack.pop();
    // Attributes, such as the versions of layers in a state dictionary, do not concern weights.
    const value = stack.top();
    if (value === null || typeof value !== "object" || value instanceof Named) {
      throw new PickleError("its pickle sets attributes of what has none");
    }
  },
  0x51: ({ stack, world }) => stack.push(world.persistent(stack.pop())), // BINPERSID
  0x95: ({ input }) => input.length64(), // FRAME
};

/** Instructions that make containers; each takes far more memory than its byte in the file. */
const CONTAINERS = new Set([
  0x28,
  0x29,
  0x5d,
  0x7d,
  0x8f,
  0x91,
  0x74,
  0x85,
  0x86,
  0x87,
  0x52,
  0x81,
]);

const PROTO = 0x80, STOP = 0x2e;
const OLDEST_PROTOCOL = 2, NEWEST_PROTOCOL = 5;

/** A value, and where its pickle ends. */
export interface Unpickled {
  readonly value: unknown;
  readonly end: number;
}

/**
 * Reads a pickle of protocol 2 to 5. Containers, numbers, text and globals of `world` become values; any other object
 * becomes a {@link Foreign}. Nothing is executed.
 *
 * @param at where it begins
 * @throws {PickleError} what is wrong, without the name of the file
 */
export function readPickle(bytes: Uint8Array, world: PickleWorld, at = 0): Unpickled {
  const input = new Cursor(bytes, at);
  if (input.number("Uint8") !== PROTO) throw new PickleError("its pickle has no protocol");
  const protocol = input.number("Uint8");
  if (protocol < OLDEST_PROTOCOL || protocol > NEWEST_PROTOCOL) {
    throw new PickleError(
      `its pickle has protocol ${protocol}, wanted ${OLDEST_PROTOCOL} to ${NEWEST_PROTOCOL}`,
    );
  }
  const machine = { input, stack: new Stack(), memo: new Memo(), world };
  for (let instructions = 0, containers = 0;; instructions++) {
    const place = input.at, code = input.number("Uint8");
    if (code === STOP) return { value: machine.stack.pop(), end: input.at };
    const instruction = Object.hasOwn(INSTRUCTIONS, code) ? INSTRUCTIONS[code] : undefined;
    if (instruction === undefined) {
      const name = `0x${code.toString(16).padStart(2, "0")}`;
      throw new PickleError(`its pickle has instruction ${name} at byte ${place}`);
    }
    if (CONTAINERS.has(code)) containers++;
    if (instructions === MOST_INSTRUCTIONS || containers > MOST_CONTAINERS) {
      throw new PickleError("its pickle makes more objects than weights need");
    }
    instruction(machine);
  }
}
