/** Loops over the columns of a row, in C that compilers make vectors of. */

/**
 * A statement about an element. The last vector of a row may have lanes outside of it: those are computed from whatever
 * lies there, and then neither stored nor summed up.
 */
export type Statement = (condition?: string) => string;

/** A value where a condition holds, and what changes nothing elsewhere. */
export function valueOr(neutral: string, value: string, condition?: string): string {
  return condition === undefined ? value : `(${condition} ? ${value} : ${neutral})`;
}

/** The loop over the columns of a row: whole vectors, then the rest as one that is not full. */
export function rowLoop(
  { lines, stores }: { readonly lines: readonly string[]; readonly stores: readonly Statement[] },
  { columns, reductions, prefetches }: {
    readonly columns: string;
    readonly reductions: readonly string[];
    /** Statements before each vector. */
    readonly prefetches: readonly string[];
  },
): readonly string[] {
  const simd = `#pragma omp simd ${reductions.join(" ")}`.trimEnd();
  const over = (begin: string, end: string, condition?: string) => [
    simd,
    `for (word c = ${begin}; c < ${end}; c++) {`,
    ...lines,
    ...stores.map((statement) => statement(condition)),
    "}",
  ];
  const wholeVectors = prefetches.length > 0
    ? [
      "for (word at = 0; at < whole; at += LANES) {",
      ...prefetches,
      ...over("at", "at + LANES"),
      "}",
    ]
    : over("0", "whole");
  return [
    ...wholeVectors,
    `if (whole < ${columns})`,
    ...over("whole", "whole + LANES", `c < ${columns}`),
  ];
}
