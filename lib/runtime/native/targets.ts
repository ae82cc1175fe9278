/** Compilation targets: this machine, or a subset of its features, which tests the code of other machines. */

export interface Target {
  /** Macro that compilers define if this machine can run it. */
  readonly needs?: string;
  /** Besides those that select this machine. */
  readonly flags: readonly string[];
}

const AVX2 = ["-mno-avx512f"];

/** `native` is what users get; the others are for tests and comparisons, by the vectors of an x86-64 processor. */
export const TARGETS = {
  native: { flags: [] },
  /** Vectors of 16 floats. */
  avx512: { needs: "__AVX512F__", flags: [] },
  /** Of 8, multiplied and added at once. */
  avx2: { needs: "__FMA__", flags: AVX2 },
  /** The same in the order that is best for an AMD processor: compilers then avoid fused multiply-add. */
  zen: { needs: "__FMA__", flags: [...AVX2, "-mtune=znver3"] },
  /** Of 8, multiplied, then added. */
  avx: { needs: "__AVX__", flags: [...AVX2, "-mno-fma", "-mno-avx2"] },
  /** Of 4. */
  sse: { needs: "__SSE2__", flags: ["-mno-avx"] },
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof TARGETS;

/** Flags that select this machine; compilers for some processors accept only one of them, or none. */
export const THIS_MACHINE: readonly (readonly string[])[] = [
  ["-march=native"],
  ["-mcpu=native"],
  [],
];

const FLAGS = [
  "-std=gnu11",
  "-O3",
  // Vectors need these: no errno from square roots, no traps, and the order of sums where the source allows it.
  "-fno-math-errno",
  "-fno-trapping-math",
  "-fopenmp-simd",
  // Fused multiply-add is explicit in the source, or it would depend on the loop: see multiply_add.
  "-ffp-contract=off",
  "-fPIC",
  "-shared",
  "-w",
];

const GCC_FLAGS = [
  // Loops over the last lanes of a row, some of which are outside of it, would be split into elements.
  "-fno-split-loops",
  // Otherwise the split of sums would depend on the alignment of a row.
  "--param=vect-max-peeling-for-alignment=0",
  // Otherwise a vector of the innermost loop of products is kept in memory while registers are free.
  "-fira-region=all",
];

/** Compilers halve the vectors of some processors to keep their clock rate, which the products here lower anyway. */
const WIDEST_VECTORS = "-mprefer-vector-width=512";

/** All flags for a compiler that defines these macros when it compiles for a machine with `machineFlags`. */
export function flagsFor(macros: ReadonlySet<string>, machineFlags: readonly string[]): string[] {
  return [
    ...FLAGS,
    ...machineFlags,
    ...macros.has("__AVX512F__") ? [WIDEST_VECTORS] : [],
    ...macros.has("__clang__") ? [] : GCC_FLAGS,
  ];
}

export const LIBRARIES: readonly string[] = ["-lm", "-pthread"];
