/**
 * Writes small WebAssembly modules: expressions are lists of bytes that leave one value, statements leave none.
 * Byte values are those of the WebAssembly specification, chapter 5; vectors have 128 bits.
 *
 * @module
 */

/** Bytes of instructions. */
export type Code = readonly number[];

/** Types of values. */
export const I32 = 0x7f, F64 = 0x7c, V128 = 0x7b;
const NOTHING = 0x40;

/** A number as LEB128, without a sign. */
function unsigned(value: number): Code {
  return value < 128 ? [value] : [value & 127 | 128, ...unsigned(value >>> 7)];
}

/** A number as LEB128, with a sign. */
function signed(value: number): Code {
  const ends = value >= -64 && value < 64;
  return ends ? [value & 127] : [value & 127 | 128, ...signed(value >> 7)];
}

function list(items: readonly Code[]): Code {
  return [...unsigned(items.length), ...items.flat()];
}

const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
/** Alignment, which is only a hint, and offset. */
const PLACE = [0, 0];

export const constant = (value: number): Code => [0x41, ...signed(value)];
export const plus = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const minus = (a: Code, b: Code): Code => [...a, ...b, 0x6b];
export const and = (a: Code, b: Code): Code => [...a, ...b, 0x71];
export const isZero = (a: Code): Code => [...a, 0x45];
export const isLess = (a: Code, b: Code): Code => [...a, ...b, 0x49];
export const loadI32 = (address: Code): Code => [...address, 0x28, ...PLACE];

/** All 16 bytes, one f64 twice, or 8 bytes and as many zeros. */
export const load = (address: Code): Code => [...address, ...vector(0x00), ...PLACE];
export const loadTwice = (address: Code): Code => [...address, ...vector(0x0a), ...PLACE];
export const loadHalf = (address: Code): Code => [...address, ...vector(0x5d), ...PLACE];
export const store = (address: Code, value: Code): Code => [
  ...address,
  ...value,
  ...vector(0x0b),
  ...PLACE,
];
/** Stores 4 bytes of a vector. */
export const storeLane = (address: Code, value: Code, lane: number): Code => [
  ...address,
  ...value,
  ...vector(0x5a),
  ...PLACE,
  lane,
];
const bytes16 = (bytes: Code): Code => [...vector(0x0c), ...bytes];
export const ZEROS: Code = bytes16(Array(16).fill(0));
/** Bytes of `a` and `b`, those of `b` from 16 on. */
export const shuffle = (a: Code, b: Code, from: Code): Code => [
  ...a,
  ...b,
  ...vector(0x0d),
  ...from,
];
/** Bytes of `a`, or 0 where `from` is beyond 15. */
export const swizzle = (a: Code, from: Code): Code => [...a, ...bytes16(from), ...vector(0x0e)];
/** One f64 twice. */
export const twice = (a: Code): Code => [...a, ...vector(0x14)];
export const addF64 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0xf0)];
export const multiplyF64 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0xf2)];
/** Two i32 or two f32, the lower ones, to f64; and two f64 to f32, rounded, with zeros above. */
export const i32ToF64 = (a: Code): Code => [...a, ...vector(0xfe)];
export const f32ToF64 = (a: Code): Code => [...a, ...vector(0x5f)];
export const f64ToF32 = (a: Code): Code => [...a, ...vector(0x5e)];

/** A parameter or another variable of a function. */
export class Variable {
  /** Its value. */
  readonly value: Code;
  readonly #index: number;

  constructor(index: number) {
    this.#index = index;
    this.value = [0x20, ...unsigned(index)];
  }

  set(value: Code): Code {
    return [...value, 0x21, ...unsigned(this.#index)];
  }
}

/** Repeats statements as long as the condition holds after them. */
export function repeatWhile(condition: Code, statements: readonly Code[]): Code {
  return [0x03, NOTHING, ...statements.flat(), ...condition, 0x0d, 0, 0x0b];
}

export function when(condition: Code, statements: readonly Code[]): Code {
  return [...condition, 0x04, NOTHING, ...statements.flat(), 0x0b];
}

/** Names of variables and their types, in order. */
export type VariableTypes = Readonly<Record<string, number>>;

/** A function without a result. */
export interface WasmFunction {
  readonly name: string;
  readonly parameters: VariableTypes;
  /** The variables besides. */
  readonly locals: VariableTypes;
  readonly statements: readonly Code[];
}

/** The variables of a function: first its parameters, then its locals. */
export function variables<T extends VariableTypes>(types: T): Readonly<Record<keyof T, Variable>> {
  const entries = Object.keys(types).map((name, i) => [name, new Variable(i)]);
  return Object.fromEntries(entries);
}

const text = (value: string): Code => list([...new TextEncoder().encode(value)].map((b) => [b]));
const section = (id: number, items: readonly Code[]): Code => {
  const body = list(items);
  return [id, ...unsigned(body.length), ...body];
};

/** A module that imports its memory as `memory` of `host` and exports all functions. */
export function wasmModule(functions: readonly WasmFunction[]): WebAssembly.Module {
  const codes = functions.map(({ locals, statements }) => {
    const types = Object.values(locals).map((type) => [1, type]);
    const body = [...list(types), ...statements.flat(), 0x0b];
    return [...unsigned(body.length), ...body];
  });
  const types = functions.map(({ parameters }) => {
    return [0x60, ...list(Object.values(parameters).map((type) => [type])), 0];
  });
  return new WebAssembly.Module(Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1.
    ...section(1, types),
    ...section(2, [[...text("host"), ...text("memory"), 2, 0, 0]]),
    ...section(3, functions.map((_, i) => unsigned(i))),
    ...section(7, functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)])),
    ...section(10, codes),
  ]));
}
