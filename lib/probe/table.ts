/** Text tables of scores, for terminals and Markdown. */
import { forMarkdown, forTerminal, shorten } from "../foreign_text.ts";
import type { Interval } from "./metrics.ts";
import type { ProbeMetrics } from "./probe.ts";
import type { LabelResult, Strength } from "./results.ts";

/** A table of text: the first row is its head. */
export type Table = readonly (readonly string[])[];

/** Names of labels and probes can be any text, and are cut to this. */
const LONGEST_CELL = 100;

/** Characters that take two columns, or none. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;
const COMBINING = /[\p{Mn}\p{Me}]/u;

/** Columns that a text takes on a terminal. */
function displayWidth(text: string): number {
  let width = 0;
  for (const sign of text) width += WIDE.test(sign) ? 2 : COMBINING.test(sign) ? 0 : 1;
  return width;
}

/** Pads the cells of each column to one width. */
function padded(table: Table): { rows: string[][]; widths: number[] } {
  const widths = table[0]!.map((_, column) =>
    Math.max(...table.map((row) => displayWidth(row[column]!)))
  );
  const rows = table.map((row) =>
    row.map((cell, column) => cell + " ".repeat(widths[column]! - displayWidth(cell)))
  );
  return { rows, widths };
}

function escaped(table: Table, escape: (text: string) => string): Table {
  return table.map((row) => row.map((cell) => escape(shorten(cell, LONGEST_CELL))));
}

/** A table for a terminal: columns two spaces apart, a line under the head. */
export function plainTable(table: Table): string {
  const { rows, widths } = padded(escaped(table, forTerminal));
  const line = widths.map((width) => "-".repeat(width));
  return [rows[0]!, line, ...rows.slice(1)].map((row) => row.join("  ").trimEnd()).join("\n");
}

/** A table in Markdown. */
export function markdownTable(table: Table): string {
  const { rows, widths } = padded(escaped(table, forMarkdown));
  const line = widths.map((width) => "-".repeat(Math.max(3, width)));
  return [rows[0]!, line, ...rows.slice(1)].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** `0.5292` as `52.9 %` for an accuracy, as `0.529` for R². */
export function formatScore(score: number, metric: LabelResult["metric"]): string {
  return metric === "accuracy" ? `${(100 * score).toFixed(1)} %` : score.toFixed(3);
}

/** An interval in the unit of {@link formatScore}. */
export function formatInterval([low, high]: Interval, metric: LabelResult["metric"]): string {
  return metric === "accuracy"
    ? `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`
    : `${low.toFixed(3)} to ${high.toFixed(3)}`;
}

function formatStrength({ name, value, atGridEdge }: Strength): string {
  const text = name === "k" ? `${value}` : Number(value.toPrecision(2)).toString();
  return `${name} ${text}${atGridEdge ? " (end of grid)" : ""}`;
}

const HEAD = ["label", "task", "method", "score", "95 % interval", "also", "baseline", "chosen"];

/** Further scores of a method in a word or two. */
function alsoOf(method: LabelResult["methods"][number]): string {
  const { meanAbsoluteError, top5Accuracy, balancedAccuracy } = method;
  if (meanAbsoluteError !== undefined) return `MAE ${meanAbsoluteError.toPrecision(3)}`;
  if (top5Accuracy !== undefined) return `top-5 ${formatScore(top5Accuracy, "accuracy")}`;
  return `balanced ${formatScore(balancedAccuracy!, "accuracy")}`;
}

/**
 * One row per label and method. A star marks the method that did best on held-out training rows, which is the
 * one to quote.
 */
export function probeTable({ labels }: Pick<ProbeMetrics, "labels">): Table {
  const rows = labels.flatMap((label) =>
    label.methods.map((method, index) => [
      index === 0 ? label.label : "",
      index === 0 ? label.task : "",
      method.method + (method.method === label.best && label.methods.length > 1 ? " *" : ""),
      formatScore(method.score, label.metric) + (label.metric === "r2" ? " R2" : ""),
      formatInterval(method.interval, label.metric),
      alsoOf(method),
      index === 0 ? formatScore(label.baseline, label.metric) : "",
      formatStrength(method.strength),
    ])
  );
  return [HEAD, ...rows];
}
