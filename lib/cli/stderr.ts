const ENCODER = new TextEncoder();

/**
 * Writes text for people to stderr. It must never end the work: a terminal may have gone (EIO), the reader of a pipe have
 * ended (EPIPE), the disk of a log be full (ENOSPC).
 */
export function writeToPeople(text: string): void {
  try {
    for (let rest = ENCODER.encode(text); rest.length > 0;) {
      rest = rest.subarray(Deno.stderr.writeSync(rest));
    }
  } catch {
    // Nobody is there to read why.
  }
}

/** {@link writeToPeople}, a line. */
export function printLine(text: string): void {
  writeToPeople(`${text}\n`);
}
