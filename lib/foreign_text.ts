/**
 * Foreign text as data: names of files, folders, classes and labels, values of configurations and of metadata are
 * escaped for where they are shown, so that they can neither act as markup or control codes nor be mistaken for other
 * text.
 *
 * @module
 */

/** Invisible characters: controls, marks of direction and of zero width, line separators, lone surrogates, fillers. */
const UNSEEN =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\u{e0000}-\u{e0fff}]/gu;

const SHORT_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function visible(sign: string): string {
  const short = SHORT_ESCAPES[sign];
  if (short !== undefined) return short;
  const code = sign.codePointAt(0)!, digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, "0")}` : `\\u{${digits}}`;
}

/**
 * One line for a terminal or a log: printable Unicode unchanged, invisible characters escaped.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.equal(forTerminal("müde\n\x1b[2J\u202e"), "müde\\n\\x1b[2J\\u202e");
 * ```
 */
export function forTerminal(text: string): string {
  return text.replace(UNSEEN, visible);
}

const HTML_NAMES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escapeHtml(text: string, signs: RegExp): string {
  return text.replace(signs, (sign) => HTML_NAMES[sign]!);
}

/** Text inside HTML or SVG, also inside a quoted attribute. */
export function forHtml(text: string): string {
  return escapeHtml(forTerminal(text), /[&<>"']/g);
}

/**
 * Text inside a line or a table cell of Markdown: no markup, no HTML, no link (a bare address neither), no end of cell
 * or line.
 */
export function forMarkdown(text: string): string {
  const literal = forTerminal(text)
    .replace(/[\\`*_~[\]|$]/g, "\\$&")
    .replace(/:(?=\/\/)|(?<=\bwww)\./gi, "\\$&");
  return escapeHtml(literal, /[&<>]/g);
}

/** Beginnings that a spreadsheet reads as a formula. */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * A cell of a CSV file (RFC 4180). Text that a spreadsheet would compute gets an apostrophe in front, numbers stay: the
 * only change to a text.
 */
export function forCsvCell(value: string | number): string {
  const text = String(value);
  const literal = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(literal) ? `"${literal.replaceAll('"', '""')}"` : literal;
}

function unit(code: number): string {
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

/**
 * A value as one line of JSON that is safe on a terminal too: invisible characters are escaped inside its strings.
 * `JSON.stringify` alone leaves DEL, C1 controls and marks of direction.
 */
export function forJsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    UNSEEN,
    (sign) => Array.from({ length: sign.length }, (_, i) => unit(sign.charCodeAt(i))).join(""),
  );
}

const GAP = " [...] ";

/**
 * A text of at most `limit` UTF-16 code units: begin and end, which have the action and the advice of messages, with a
 * mark for the middle.
 */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const room = Math.max(0, limit - GAP.length), head = Math.ceil(room * 2 / 3);
  const end = text.length - (room - head);
  // Never half of a surrogate pair.
  return (text.slice(0, head) + GAP + text.slice(end)).replace(/\p{Cs}/gu, "");
}

/** Characters of a value that a message shows. */
const LONGEST_VALUE = 60;

/** A value of JSON in few characters; nested lists and objects are only indicated. */
export function describeValue(value: unknown): string {
  const flat = (key: string, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}`;
    if (key === "" || typeof inner !== "object" || inner === null) return inner;
    return Array.isArray(inner) ? "[...]" : "{...}";
  };
  return shorten(JSON.stringify(value, flat) ?? String(value), LONGEST_VALUE);
}
