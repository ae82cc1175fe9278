/** Plans as lists of numbers that the compiled loop works through: see `work` in kernels.c. */

import type { Call } from "../../compile/c/plan/calls.ts";
import type { Plan } from "../../compile/c/plan/plan.ts";
import type { Address, Block } from "../../compile/c/plan/arena.ts";

/** Where things are in memory. */
export interface Addresses {
  /** Of a call's kernel. */
  kernel(call: Call): number;
  /** Of a block, in bytes; `undefined` where every run has another one, which it only reads. */
  block(block: Block): number | undefined;
}

/** A word that is another address in every run. */
export interface Gap {
  readonly block: Block;
  /** What is added to the block's address, in bytes. */
  readonly offset: number;
  readonly words: BigUint64Array<ArrayBuffer>;
  readonly index: number;
}

/** The list of calls of each thread, with what must be filled in before they run. */
export interface EncodedCalls {
  readonly threads: readonly BigUint64Array<ArrayBuffer>[];
  readonly gaps: readonly Gap[];
}

const HEADER = 4, ELEMENT = 4;

/** Bytes of memory that a call reads or writes. */
interface Span {
  readonly begin: number;
  readonly end: number;
}

/** Of memory that nobody writes. */
const NOWHERE: Span = { begin: 0, end: 0 };

/** Decides where threads must wait for each other: before a call that touches what others may still work on. */
class Meetings {
  #reads: Span[] = [];
  #writes: Span[] = [];
  readonly #addresses: Addresses;

  constructor(addresses: Addresses) {
    this.#addresses = addresses;
  }

  /** Whether all must be done with the calls before this one. */
  isDue({ reads, writes }: Call): boolean {
    const span = (block: Block): Span => {
      const begin = this.#addresses.block(block);
      return begin === undefined ? NOWHERE : { begin, end: begin + block.bytes };
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
  readonly gaps: Gap[] = [];
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

  /** A word that is left open. */
  leave({ block, offset }: Address): void {
    const [index, words] = [this.#length++, this.words];
    this.gaps.push({ block, offset: ELEMENT * offset, words, index });
  }

  write(...values: readonly number[]): void {
    for (const value of values) {
      this.#halves[2 * this.#length] = value;
      this.#halves[2 * this.#length + 1] = Math.floor(value / 2 ** 32);
      this.#length++;
    }
  }
}

/** Fills in where a run finds what it is fed with. */
export function fillGaps({ gaps }: EncodedCalls, addressOf: (block: Block) => number): void {
  for (const { block, offset, words, index } of gaps) {
    words[index] = BigInt(addressOf(block) + offset);
  }
}

/** The list of calls of each thread. */
export function encodeCalls(
  { calls }: Plan,
  addresses: Addresses,
  threads: number,
): EncodedCalls {
  const size = calls.reduce((sum, call) => sum + 2 * HEADER + call.arguments.length, 1);
  const writers = Array.from({ length: threads }, () => new WordWriter(size));
  const meetings = new Meetings(addresses);
  const resolve = (argument: number | Address) => {
    if (typeof argument === "number") return argument;
    const begin = addresses.block(argument.block);
    return begin === undefined ? argument : begin + ELEMENT * argument.offset;
  };
  for (const call of calls) {
    const values = call.arguments.map(resolve), kernel = addresses.kernel(call);
    const meets = threads > 1 && meetings.isDue(call);
    writers.forEach((writer, thread) => {
      if (meets) writer.write(0, 0, 0, 0);
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
        else writer.leave(value);
      }
    });
  }
  for (const writer of writers) writer.end();
  return {
    threads: writers.map(({ words }) => words),
    gaps: writers.flatMap(({ gaps }) => gaps),
  };
}
