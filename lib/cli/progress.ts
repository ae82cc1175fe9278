/** Progress on stderr: a bar on a terminal, plain lines elsewhere. */
import { forTerminal } from "../foreign_text.ts";
import { printMessage, writeStderr } from "../messages.ts";

/** What a progress display counts. */
export interface ProgressOptions {
  /** Name of the stage, put before every line. */
  readonly stage: string;
  /** What is being done, for example `"encoding"`. */
  readonly label: string;
  /** How many units there are in all. */
  readonly total: number;
  /** Plural name of the units, for example `"images"`. */
  readonly unit: string;
  /** Units that an earlier run already did. @default 0 */
  readonly start?: number;
}

const BAR_WIDTH = 24;
const SMALLEST_BAR_WIDTH = 8;
const USUAL_COLUMNS = 80;
const SECONDS_BETWEEN_LINES = 10;
const SECONDS_BETWEEN_REDRAWS = 0.1;

/** `75` as `1:15`, `3700` as `1:01:40`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
  const tail = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Three digits that count, never with an exponent: `0.705`, `28.3`, `1220`. */
export function formatRate(rate: number): string {
  return String(Number(rate.toPrecision(3)));
}

/** Seconds of a unit, smoothed over about twenty. */
export class SmoothedSeconds {
  #seconds: number | undefined;

  /** Adds a measurement. @returns the smoothed value */
  add(seconds: number): number {
    const former = this.#seconds ?? seconds;
    this.#seconds = former + (seconds - former) / 20;
    return this.#seconds;
  }
}

/** `[####....] `, as wide as there is room for; nothing when there is hardly any. */
function bar(share: number, room: number): string {
  const width = Math.min(BAR_WIDTH, room);
  if (width < SMALLEST_BAR_WIDTH) return "";
  const filled = Math.round(width * Math.min(1, share));
  return `[${"#".repeat(filled).padEnd(width, ".")}] `;
}

/** A line that wraps cannot be redrawn, so its length must be known. Some terminals report no width, or 0. */
function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || USUAL_COLUMNS;
  } catch {
    return USUAL_COLUMNS;
  }
}

/** A bar that redraws on a terminal, a plain line every ten seconds elsewhere. Writes to stderr. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #terminal = Deno.stderr.isTerminal();
  readonly #started = performance.now();
  #shown = -Infinity;
  #open = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Shows that `done` units are finished; `note` is added at the end of the line. */
  update(done: number, note = ""): void {
    const { total } = this.#options;
    const now = performance.now();
    const wait = this.#terminal ? SECONDS_BETWEEN_REDRAWS : SECONDS_BETWEEN_LINES;
    if (done < total && now - this.#shown < wait * 1000) return;
    this.#shown = now;
    this.#print(forTerminal(this.#line(done, note)));
    if (done >= total) this.close();
  }

  /** Prints a line of its own without tearing the bar. */
  say(text: string): void {
    this.close();
    printMessage(this.#options.stage, text);
  }

  /** Ends an open bar line. */
  close(): void {
    if (this.#open) writeStderr("\n");
    this.#open = false;
  }

  #line(done: number, note: string): string {
    const { stage, label, total, unit, start = 0 } = this.#options;
    const seconds = (performance.now() - this.#started) / 1000;
    const rate = seconds > 0 ? (done - start) / seconds : 0;
    const share = total > 0 ? done / total : 1;
    const parts = [
      `${Math.floor(100 * share)}%`,
      `${done}/${total} ${unit}`,
      `${formatRate(rate)} ${unit}/s`,
      done < total ? `ETA ${formatDuration((total - done) / rate)}` : formatDuration(seconds),
    ];
    if (note) parts.push(note);
    const [head, tail] = [`${stage}: ${label} `, parts.join(", ")];
    if (!this.#terminal) return head + tail;
    const columns = terminalColumns();
    return (head + bar(share, columns - head.length - tail.length - 4) + tail).slice(
      0,
      columns - 1,
    );
  }

  #print(line: string): void {
    if (!this.#terminal) return writeStderr(line + "\n");
    writeStderr(`\r\x1b[2K${line}`);
    this.#open = true;
  }
}
