/** Something whose cost is looked at while it grows. */
import type { Contestant } from "../contestants.ts";

/** A growth that can be measured. */
export interface Growth {
  /** What grows, and of what. */
  readonly what: string;
  /** At least four, rising. */
  readonly sizes: readonly number[];
  /** The exponent that the mathematics gives at most. */
  readonly expected: number;
  /** Where that comes from. */
  readonly because: string;
  /** The processes that do the work, one per size. */
  readonly contestants: readonly Contestant[];
}

/** A growth whose files are still to be made. */
export interface Growing {
  readonly name: string;
  prepare(): Promise<Growth>;
}
