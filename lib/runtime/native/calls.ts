/** Encodes plans as lists of numbers for the compiled loop: see `work` in kernels.c. */

import { CALL_WORDS } from "../../compile/c/library.ts";
import type { Call } from "../../compile/c/plan/calls.ts";
import type { Plan } from "../../compile/c/plan/plan.ts";
import type { Address, Buffer } from "../../compile/c/plan/arena.ts";

/** Addresses of kernels and buffers. */
export interface Addresses {
  /** Of a call's kernel. */
  kernel(call: Call): number;
  /** Of a buffer, in bytes; `undefined` for an input whose address changes from run to run. */
  buffer(buffer: Buffer): number | undefined;
}

/** A word that is filled in before each run: the address of an input. */
export interface Patch {
  readonly buffer: Buffer;
  /** What is added to the buffer's address, in bytes. */
  readonly offset: number;
  readonly words: BigUint64Array<ArrayBuffer>;
  readonly index: number;
}

/** The list of calls of each thread, with the addresses to fill in before a run. */
export interface EncodedCalls {
  readonly threads: readonly BigUint64Array<ArrayBuffer>[];
  readonly patches: readonly Patch[];
}

const ELEMENT = 4;

/** Bytes of memory that a call reads or writes. */
interface Span {
  readonly begin: number;
  readonly end: number;
}

/** For memory that is never written. */
const NOWHERE: Span = { begin: 0, end: 0 };

/** Decides where threads need a barrier: before a call that touches memory in use by calls on other threads. */
class Barriers {
  #reads: Span[] = [];
  #writes: Span[] = [];
  readonly #addresses: Addresses;

  constructor(addresses: Addresses) {
    this.#addresses = addresses;
  }

  /** Whether all calls before this one must have ended. */
  isNeeded({ reads, writes }: Call): boolean {
    const span = (buffer: Buffer): Span => {
      const begin = this.#addresses.buffer(buffer);
      return begin === undefined ? NOWHERE : { begin, end: begin + buffer.bytes };
    };
    const [ins, outs] = [reads.map(span), writes.map(span)];
    const due = touch(ins, this.#writes) || touch(outs, this.#writes) || touch(outs, this.#reads);
    if (due) [this.#reads, this.#writes] = [[], []];
    this.#reads.push(...ins);
    this.#writes.push(...outs);
    return due;
  }
}

function touch(some: readonly Span[], others: readonly Span[]): boolean {
  return some.some((a) => others.some((b) => a.begin < b.end && b.begin < a.end));
}

/** Writes 64-bit numbers below 2^53, which JavaScript's own numbers hold exactly. */
class WordWriter {
  readonly words: BigUint64Array<ArrayBuffer>;
  readonly patches: Patch[] = [];
  readonly #halves: Uint32Array;
  #length = 0;

  constructor(length: number) {
    this.words = new BigUint64Array(length);
    this.#halves = new Uint32Array(this.words.buffer);
  }

  /** The word that ends a list: -1. */
  end(): void {
    this.#halves.fill(0xffffffff, 2 * this.#length, 2 * this.#length + 2);
    this.#length++;
  }

  /** A word that is filled in later. */
  reserve({ buffer, offset }: Address): void {
    const [index, words] = [this.#length++, this.words];
    this.patches.push({ buffer, offset: ELEMENT * offset, words, index });
  }

  write(...values: readonly number[]): void {
    for (const value of values) {
      this.#halves[2 * this.#length] = value;
      this.#halves[2 * this.#length + 1] = Math.floor(value / 2 ** 32);
      this.#length++;
    }
  }
}

/** Fills in the addresses of the inputs of a run. */
export function patchFeeds({ patches }: EncodedCalls, addressOf: (buffer: Buffer) => number): void {
  for (const { buffer, offset, words, index } of patches) {
    words[index] = BigInt(addressOf(buffer) + offset);
  }
}

/** The list of calls of each thread. */
export function encodeCalls(
  { calls }: Plan,
  addresses: Addresses,
  threads: number,
): EncodedCalls {
  const size = calls.reduce((sum, call) => sum + 2 * CALL_WORDS + call.arguments.length, 1);
  const writers = Array.from({ length: threads }, () => new WordWriter(size));
  const barriers = new Barriers(addresses);
  const resolve = (argument: number | Address) => {
    if (typeof argument === "number") return argument;
    const begin = addresses.buffer(argument.buffer);
    return begin === undefined ? argument : begin + ELEMENT * argument.offset;
  };
  for (const call of calls) {
    const values = call.arguments.map(resolve), kernel = addresses.kernel(call);
    const waits = threads > 1 && barriers.isNeeded(call);
    writers.forEach((writer, thread) => {
      if (waits) writer.write(0, 0, 0, 0);
      const [begin, end] = call.serial
        ? [0, thread === 0 ? call.count : 0]
        : [thread, thread + 1].map((part) => Math.floor(call.count * part / threads)) as [
          number,
          number,
        ];
      if (begin >= end) return;
      writer.write(kernel, values.length, begin, end);
      for (const value of values) {
        if (typeof value === "number") writer.write(value);
        else writer.reserve(value);
      }
    });
  }
  for (const writer of writers) writer.end();
  return {
    threads: writers.map(({ words }) => words),
    patches: writers.flatMap(({ patches }) => patches),
  };
}
