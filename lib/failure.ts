/**
 * Failures that the user can act on. `lib/cli` alone maps the kind to an exit code. Anything else that is thrown is a
 * bug and exits with 1.
 */

/**
 * - `usage` the command or configuration is wrong
 * - `collapsed` training collapsed or diverged
 * - `data` an input file is damaged or does not fit
 * - `missing` an input does not exist
 * - `unavailable` a runtime or device is not available on this machine
 * - `output` the output cannot be written (permissions, full disk, locked, belongs to something else)
 * - `stopped` the work was stopped cleanly and goes on when the command is run again
 */
export type FailureKind =
  | "usage"
  | "collapsed"
  | "data"
  | "missing"
  | "unavailable"
  | "output"
  | "stopped";

/** One sentence for the user (action: wanted, got, path, what to do) and the kind of failure. */
export class Failure extends Error {
  readonly kind: FailureKind;
  /** What is wrong, without what to do. @default the message */
  readonly reason: string;

  constructor(
    kind: FailureKind,
    message: string,
    { reason = message, ...options }: ErrorOptions & { readonly reason?: string } = {},
  ) {
    super(message, options);
    this.name = "Failure";
    this.kind = kind;
    this.reason = reason;
  }
}

/** The text of anything thrown, without a class name in front. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
