/**
 * What TypeScript and C share: the functions of `library/` that plans call, their arguments in order, and a few
 * numbers. The C side is written from it as a header, `interface.h`, which the C files include.
 */

import type { Address } from "./plan/arena.ts";

/** The folder of the C files. */
export const LIBRARY: URL = new URL("library/", import.meta.url);

/** The C files: the one that is compiled, which includes the others. */
export const LIBRARY_FILES = [
  "kernels.c",
  ...["vector.h", "packing.h", "products.h", "team.h", "populate.h"],
] as const;

/** What programs' own kernels include. */
export const KERNEL_HEADERS = ["vector.h"] as const;

const CONSTANTS = {
  /** Axes of a copy; unused ones have a length of 1. */
  COPY_AXES: 6,
  /** Axes of a batch of matrices. */
  BATCH_AXES: 3,
  /** Numbers that are summed before their sum is added to others, which rounds less. */
  SUM_BLOCK: 32,
  /** Words of a call before its arguments: function or 0 for a barrier, number of arguments, first and last row. */
  CALL_WORDS: 4,
  REDUCE_SUM: 0,
  REDUCE_MEAN: 1,
  REDUCE_MAX: 2,
} as const;
export const { COPY_AXES, BATCH_AXES, SUM_BLOCK, CALL_WORDS } = CONSTANTS;
export const { REDUCE_SUM, REDUCE_MEAN, REDUCE_MAX } = CONSTANTS;

/** The C type of an argument, each as large as a word; a number stands for an array of so many words. */
type ArgumentType = "word" | "const float *" | "float *" | "const int32_t *" | "int32_t *" | number;

/** The functions by name, each with its arguments in order. They work on part of `count` rows, see `Call`. */
export const FUNCTIONS = {
  /** C = scale A B + bias for a batch. Works on matrices if there are several, on rows of C otherwise. */
  matrix_products: {
    m: "word",
    n: "word",
    k: "word",
    a: "const float *",
    /** Steps are in elements. */
    a_row: "word",
    a_column: "word",
    b: "const float *",
    b_row: "word",
    b_column: "word",
    c: "float *",
    c_row: "word",
    /** Of the columns, or 0. */
    bias: "const float *",
    /** Its bits: {@link floatBits}. */
    scale: "word",
    /** Of the batch, the outermost axis first. */
    lengths: BATCH_AXES,
    a_steps: BATCH_AXES,
    b_steps: BATCH_AXES,
    c_steps: BATCH_AXES,
  },
  /** Copies elements of four bytes. Works on the outermost axis. */
  copy_elements: {
    from: "const int32_t *",
    to: "int32_t *",
    lengths: COPY_AXES,
    from_steps: COPY_AXES,
    to_steps: COPY_AXES,
  },
  /** Fills elements of four bytes. Works on the outermost axis. */
  fill_elements: { to: "int32_t *", lengths: COPY_AXES, steps: COPY_AXES, bits: "word" },
  /** Copies slices of a table [outer, rows, inner] to [outer, count, inner]. Works on copied slices. */
  gather_rows: {
    table: "const int32_t *",
    indices: "const int32_t *",
    copy: "int32_t *",
    rows: "word",
    count: "word",
    inner: "word",
  },
  /** Sum, mean or maximum along the middle axis of [outer, reduced, inner]. Works on the outer axis. */
  reduce_middle: {
    from: "const float *",
    to: "float *",
    reduced: "word",
    inner: "word",
    reduction: "word",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ArgumentType>>>>;

export type FunctionName = keyof typeof FUNCTIONS;

/** All names, in the order of the table in C. */
export const FUNCTION_NAMES = Object.keys(FUNCTIONS) as readonly FunctionName[];

/** The arguments of a function by name. */
export type ArgumentsOf<F extends FunctionName> = {
  readonly [A in keyof (typeof FUNCTIONS)[F]]: (typeof FUNCTIONS)[F][A] extends number
    ? readonly number[]
    : (typeof FUNCTIONS)[F][A] extends "word" ? number
    : Address | 0;
};

/** The arguments of a function in order. @throws {RangeError} an array has another length */
export function argumentsInOrder<F extends FunctionName>(
  name: F,
  given: ArgumentsOf<F>,
): readonly (number | Address)[] {
  const types: Readonly<Record<string, ArgumentType>> = FUNCTIONS[name];
  return Object.entries(types).flatMap(([argument, type]) => {
    const value = given[argument as keyof ArgumentsOf<F>] as number | Address | readonly number[];
    if (typeof type === "number" && (value as readonly number[]).length !== type) {
      throw new RangeError(`${name} takes ${type} ${argument}, got [${value}]`);
    }
    return value as number | Address;
  });
}

/** The bits of a 32-bit float, as a function takes a number. */
export function floatBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

function structOf(name: string, types: Readonly<Record<string, ArgumentType>>): string {
  const fields = Object.entries(types).map(([argument, type]) => {
    if (typeof type === "number") return `word ${argument}[${type}];`;
    return `${type}${type.endsWith("*") ? "" : " "}${argument};`;
  });
  return `struct ${name} { ${fields.join(" ")} };`;
}

/** The text of `interface.h`. */
export function interfaceHeader(): string {
  const constants = Object.entries(CONSTANTS).map(([name, value]) => `${name} = ${value}`);
  return [
    "/* Written by lib/compile/c/library.ts. Arguments are words of 64 bits, as pointers are. */",
    `enum { ${constants.join(", ")} };`,
    ...Object.entries(FUNCTIONS).map(([name, types]) => structOf(name, types)),
    `#define FUNCTION_TABLE {${FUNCTION_NAMES.join(", ")}}`,
    "",
  ].join("\n");
}
