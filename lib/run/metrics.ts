/** What is recorded about one step. Names are those in the file. */
export interface MetricsLine {
  /** Counted from 0. */
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly weight_decay: number;
  readonly ema_momentum: number;
  /** Tokens Kc of each context. */
  readonly context_tokens: number;
  /** Tokens Kt of each target block. */
  readonly target_tokens: number;
  /** Deviation of the pooled targets over the batch; towards 0 in a collapse. */
  readonly target_std: number;
  /** Mean cosine between the pooled targets of two images; towards 1 in a collapse. */
  readonly target_cosine: number;
  /** Wall clock of the whole step. */
  readonly seconds: number;
  readonly images_per_second: number;
  /** Share of the step spent waiting for images. */
  readonly data_wait_fraction: number;
}

/** Fields that differ from run to run. All others are equal when a run is repeated or killed and resumed. */
export const WALL_CLOCK_FIELDS = ["seconds", "images_per_second", "data_wait_fraction"] as const;

/** Name of the file inside a run directory: one JSON object per line and step. */
export const METRICS_FILE = "metrics.jsonl";

const NEWLINE = 10;

/** How many bytes of whole lines of steps before `endStep` a file begins with, and how many lines. */
function measure(
  bytes: Uint8Array,
  endStep: number,
): { readonly bytes: number; readonly lines: number } {
  const decoder = new TextDecoder();
  let lines = 0, start = 0, last = -1;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    let step: unknown;
    try {
      step = JSON.parse(decoder.decode(bytes.subarray(start, end)))?.step;
    } catch {
      break;
    }
    if (typeof step !== "number" || step <= last || step >= endStep) break;
    last = step;
    lines++;
    start = end + 1;
  }
  return { bytes: start, lines };
}

/** The metrics of a run while it is written. */
export class MetricsFile implements Disposable {
  readonly #file: Deno.FsFile;
  /** Lines that an earlier part of the run has left. */
  readonly kept: number;

  private constructor(file: Deno.FsFile, kept: number) {
    this.#file = file;
    this.kept = kept;
  }

  /**
   * Opens the file for the steps from `firstStep` on. Lines of later steps, which a killed process wrote after its last
   * checkpoint, and a half-written last line are cut off.
   */
  static async open(path: string, firstStep: number): Promise<MetricsFile> {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    try {
      const written = await Deno.readFile(path);
      const { bytes, lines } = measure(written, firstStep);
      if (bytes < written.length) await file.truncate(bytes); // Else the time of the file stays.
      await file.seek(bytes, Deno.SeekMode.Start);
      return new MetricsFile(file, lines);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Adds one line. It reaches the operating system at once, so a killed process has lost none. */
  append(line: MetricsLine): void {
    let rest: Uint8Array = new TextEncoder().encode(JSON.stringify(line) + "\n");
    while (rest.length > 0) rest = rest.subarray(this.#file.writeSync(rest));
  }

  /** Forces all lines to the disk. */
  async sync(): Promise<void> {
    await this.#file.sync();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
