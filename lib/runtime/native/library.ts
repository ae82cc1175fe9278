/** The compiled kernels, and the call that runs a program with them. */

import {
  FUNCTION_NAMES,
  interfaceHeader,
  KERNEL_HEADERS,
  LIBRARY,
  LIBRARY_FILES,
} from "../../compile/c/library.ts";
import { availableMemory } from "../available_memory.ts";
import { buildLibrary } from "./build.ts";
import type { Compiler } from "./compiler.ts";
import type { Memory } from "./memory.ts";

/** Less fresh memory is not prefaulted. */
const LEAST_POPULATED_BYTES = 64e6;

const SYMBOLS = {
  run_programs: { parameters: ["buffer", "buffer", "i64"], result: "i32", nonblocking: true },
  populate: { parameters: ["buffer", "buffer", "i64"], result: "void", nonblocking: true },
  scratch_length: { type: "i64" },
  kernel_table: { type: "pointer" },
} as const;

/** Addresses of functions in a table. */
function functionsOf(table: Deno.PointerValue, count: number): readonly number[] {
  const view = new Deno.UnsafePointerView(table!);
  return Array.from({ length: count }, (_, i) => Number(view.getBigUint64(8 * i)));
}

/** The kernels that every program uses, and the function that runs a program. */
export class KernelLibrary {
  /** Addresses by name. */
  readonly kernels: ReadonlyMap<string, number>;
  /** Scratch memory of each thread, bytes. */
  readonly scratchBytes: number;
  readonly #run: (
    programs: BigUint64Array,
    scratches: BigUint64Array,
    threads: bigint,
  ) => Promise<number>;
  readonly #populate: (
    addresses: BigUint64Array,
    lengths: BigUint64Array,
    count: bigint,
  ) => Promise<void>;
  readonly #compiler: Compiler;
  /** Headers that programs include, by name. */
  readonly #headers: readonly (readonly [name: string, text: string])[];
  /** Bytes that may still be prefaulted. */
  #spare: number;
  /** Lists that another thread reads: they must not be collected. */
  readonly #beingRead = new Set<readonly BigUint64Array[]>();

  private constructor(
    compiler: Compiler,
    { symbols, headers, spare }: {
      readonly symbols: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];
      readonly headers: readonly (readonly [name: string, text: string])[];
      readonly spare: number;
    },
  ) {
    this.#run = symbols.run_programs as never;
    this.#populate = symbols.populate as never;
    this.scratchBytes = 4 * Number(symbols.scratch_length);
    const addresses = functionsOf(symbols.kernel_table, FUNCTION_NAMES.length);
    this.kernels = new Map(FUNCTION_NAMES.map((name, i) => [name, addresses[i]!]));
    this.#compiler = compiler;
    this.#headers = headers;
    this.#spare = spare;
  }

  static async load(compiler: Compiler): Promise<KernelLibrary> {
    const texts = await Promise.all(
      LIBRARY_FILES.map((name) => Deno.readTextFile(new URL(name, LIBRARY))),
    );
    const files = new Map<string, string>(LIBRARY_FILES.map((name, i) => [name, texts[i]!]));
    files.set("interface.h", interfaceHeader());
    const headers = [...KERNEL_HEADERS, "interface.h"].map((name) =>
      [name, files.get(name)!] as const
    );
    // Only half, so that a run that is too large is reported before the memory is taken.
    const spare = (await availableMemory() ?? 0) / 2;
    const { symbols } = await buildLibrary(compiler, files, { symbols: SYMBOLS });
    return new KernelLibrary(compiler, { symbols, headers, spare });
  }

  /** Compiles a program's own kernels. @param bodies of functions @returns their addresses */
  async compile(bodies: readonly string[]): Promise<readonly number[]> {
    if (bodies.length === 0) return [];
    const functions = bodies.map((body, i) =>
      `static void fused_${i}(const word *a, word begin, word end, float *scratch) {\n(void)scratch;\n${body}\n}`
    );
    const names = bodies.map((_, i) => `fused_${i}`);
    const table = `kernel *const fused_table[] = {${names.join(", ")}};`;
    const includes = KERNEL_HEADERS.map((name) => `#include "${name}"`);
    const source = [...includes, ...functions, table].join("\n\n") + "\n";
    const files = new Map([["program.c", source], ...this.#headers]);
    const { symbols } = await buildLibrary(this.#compiler, files, {
      symbols: { fused_table: { type: "pointer" } },
    });
    return functionsOf(symbols.fused_table, bodies.length);
  }

  /**
   * Prefaults fresh memory on another thread; otherwise kernels wait for page faults. Does nothing unless enough memory
   * is known to be available.
   */
  populate(memories: readonly Pick<Memory, "address" | "bytes">[]): void {
    const bytes = memories.reduce((sum, memory) => sum + memory.bytes, 0);
    if (bytes < LEAST_POPULATED_BYTES || !this.hasRoomFor(bytes)) return;
    this.#spare -= bytes;
    const addresses = BigUint64Array.from(memories, ({ address }) => BigInt(address));
    const lengths = BigUint64Array.from(memories, (memory) => BigInt(memory.bytes));
    const lists = [addresses, lengths];
    this.#beingRead.add(lists);
    // Memory that is released meanwhile is skipped, without an error.
    this.#populate(addresses, lengths, BigInt(memories.length))
      .finally(() => this.#beingRead.delete(lists));
  }

  /** Whether fresh memory of this size may be populated. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= this.#spare;
  }

  /** Works through a list of calls per thread. */
  async run(programs: BigUint64Array, scratches: BigUint64Array): Promise<void> {
    const error = await this.#run(programs, scratches, BigInt(programs.length));
    if (error !== 0) throw new Error(`Cannot start a thread: the system says ${error}`);
  }
}
