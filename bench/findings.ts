/** What measures without peers hand back: numbers, a table of them, and what is worse than it should be. */

/** The finding of one case, with everything it was computed from. */
export interface Finding {
  /** The JSON line. */
  readonly result: { readonly measure: string; readonly case: string };
  /** The same for people. */
  readonly table: string;
  readonly details: object;
  /** A sentence per bar that was missed; one is enough for the command to fail. */
  readonly failures: readonly string[];
}
