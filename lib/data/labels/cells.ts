/** Types the cells of one label column: numbers or classes, and the marks of missing values. */
import { compareText } from "../listing/paths.ts";
import type { LabelColumn } from "../manifest.ts";

/** A cell and the line it is on. */
export interface Cell {
  readonly line: number;
  readonly text: string;
}

/** A column whose type is known. */
export interface TypedColumn {
  readonly column: LabelColumn;
  valueOf(text: string): string | number | null;
  /** How the type was chosen, for messages. */
  readonly note: string;
}

/** What pandas, R, SQL, SAS and spreadsheets write for a missing number; lower case. */
const MISSING: ReadonlySet<string> = new Set(
  ["", "nan", "-nan", "na", "n/a", "n.a.", "<na>", "#n/a", "#n/a n/a", "#na", "null", "(null)"]
    .concat(["nil", "none", "nat", "-", "--", "\u2013", "\u2014", "?", ".", "\\n"])
    .concat(["#value!", "#div/0!", "#num!", "#null!", "#name?", "#ref!", "1.#qnan", "-1.#ind"]),
);

/** A decimal number, but not a code with leading zeros such as `007`. */
const NUMERAL = /^[+-]?(0|[1-9]\d*)?(\.\d*)?(e[+-]?\d+)?$/i;

/** The same with a decimal comma, and then with points between thousands: `20,5`, `1.234,5`. */
const COMMA_NUMERAL = /^[+-]?(0|[1-9]\d*|[1-9]\d{0,2}(\.\d{3})+(?=,))?(,\d*)?(e[+-]?\d+)?$/i;

/** A comma that separates thousands in English: `1,234`. */
const THOUSANDS = /^[+-]?[1-9]\d{0,2}(,\d{3})+$/;

/** Anything that separates thousands, and decimals: `1 234.5`, `1'234`. */
const GROUPED = /^[+-]?\d{1,3}([ .,'\u2019_]\d{3})+([.,]\d+)?$/;
const INFINITY = /^[+-]?inf(inity)?$/i;

/** A way to write numbers. */
interface Notation {
  readonly pattern: RegExp;
  readonly toNumeral: (text: string) => string;
  readonly note: string;
}

const POINTS: Notation = { pattern: NUMERAL, toNumeral: (text) => text, note: "" };
const COMMAS: Notation = {
  pattern: COMMA_NUMERAL,
  toNumeral: (text) => text.replaceAll(".", "").replace(",", "."),
  note: " with decimal commas",
};

function isMissing(text: string): boolean {
  return MISSING.has(text.trim().toLowerCase());
}

/** Whether a cell is a number in this notation, and finite as float64: `1e400` is not. */
function isNumeral(text: string, { pattern, toNumeral }: Notation): boolean {
  const trimmed = text.trim();
  if (!/\d/.test(trimmed) || !pattern.test(trimmed)) return false;
  const numeral = toNumeral(trimmed), value = Number(numeral);
  return Number.isFinite(value) && (value !== 0 || !/[1-9]/.test(numeral.replace(/e.*/i, "")));
}

/** Long identifiers are written in digits too; as numbers they would lose the last ones. */
function isLongCode(text: string): boolean {
  return /^\s*[+-]?\d+\s*$/.test(text) && !Number.isSafeInteger(Number(text));
}

/** Whether a cell looks like a number, exact as float64 or not: then a cell that does not is reported. */
function looksLikeNumber(text: string): boolean {
  const plain = text.normalize("NFKC").trim().replace("\u2212", "-")
    .replace(/^[$\u20ac\u00a3\u00a5] ?| ?[%$\u20ac\u00a3\u00a5]$/g, "");
  return isNumeral(plain, POINTS) || isNumeral(plain, COMMAS) || GROUPED.test(plain) ||
    INFINITY.test(plain);
}

/** The notation of all cells, or a cell that fits none. */
function notationOf(
  cells: readonly Cell[],
  { stated, commas }: { readonly stated: boolean; readonly commas: boolean },
): { readonly notation: Notation } | { readonly odd: Cell } {
  const oddIn = (notation: Notation) =>
    cells.find(({ text }) => !isNumeral(text, notation) || (!stated && isLongCode(text)));
  const odd = oddIn(POINTS);
  if (odd === undefined) return { notation: POINTS };
  // "1,234" alone is ambiguous; "20,5" beside it decides.
  const certain = commas &&
    cells.some(({ text }) =>
      text.includes(",") && isNumeral(text, COMMAS) && !THOUSANDS.test(text)
    );
  if (!certain) return { odd };
  const oddWithCommas = oddIn(COMMAS);
  return oddWithCommas === undefined ? { notation: COMMAS } : { odd: oddWithCommas };
}

function quoted(texts: Iterable<string>): string {
  return [...new Set(texts)].slice(0, 3).map((text) => `"${text}"`).join(", ");
}

function numberColumn(
  name: string,
  { cells, present, notation }: {
    readonly cells: readonly Cell[];
    readonly present: readonly Cell[];
    readonly notation: Notation;
  },
): TypedColumn {
  const toNumber = (text: string) => Number(notation.toNumeral(text));
  let smallest = Infinity, largest = -Infinity;
  for (const { text } of present) {
    smallest = Math.min(smallest, toNumber(text));
    largest = Math.max(largest, toNumber(text));
  }
  const missing = cells.length - present.length;
  const words = quoted(
    cells.map(({ text }) => text).filter((text) => text !== "" && isMissing(text)),
  );
  return {
    column: { name, type: "number" },
    valueOf: (text) => isMissing(text) ? null : toNumber(text),
    note: present.length === 0
      ? `label ${name}: numbers, all missing`
      : `label ${name}: numbers${notation.note} from ${smallest} to ${largest}` +
        (missing > 0 ? `, ${missing} missing${words && ` (${words})`}` : ""),
  };
}

function classColumn(name: string, cells: readonly Cell[], odd: Cell | undefined): TypedColumn {
  const named = cells.filter(({ text }) => text.trim() !== "");
  const classes = [...new Set(named.map(({ text }) => text))].sort(compareText);
  const missing = cells.length - named.length;
  const words = quoted(classes.filter(isMissing));
  const number = `${classes.length} ${classes.length === 1 ? "class" : "classes"}`;
  const what = odd !== undefined
    ? ` is taken as ${number}, because of "${odd.text}" on line ${odd.line}; write ${name}:number in the first ` +
      "line to have numbers or an error"
    : `: ${number}${
      classes.length > 2 && classes.length === named.length ? ", every value another" : ""
    }` +
      (words && `, ${words} among them`);
  return {
    column: { name, type: "class", classes },
    valueOf: (text) => text.trim() === "" ? null : text,
    note: `label ${name}${what}${missing > 0 ? `, ${missing} missing` : ""}`,
  };
}

/** A cell of a column `name:number` that is no number. */
export class NotANumber extends Error {
  override readonly name = "NotANumber";
  readonly cell: Cell;

  constructor(cell: Cell) {
    super(`"${cell.text}" is no number`);
    this.cell = cell;
  }
}

/**
 * Finds the type of a column. It is `number` when all its cells are decimal numbers that a double can hold, or words
 * for a missing value; with decimal commas where `commas` are possible and certain. Else it is `class`, and the note
 * names the cell that decided where half of the cells are numbers.
 *
 * @param cells one for each row, empty where there is no value
 * @throws {NotANumber} `stated` is `number`, and a cell is none
 */
export function typeColumn(
  cells: readonly Cell[],
  { name, stated, commas }: {
    readonly name: string;
    readonly stated: "class" | "number" | undefined;
    /** Whether a comma can stand within a cell that has no quotes. */
    readonly commas: boolean;
  },
): TypedColumn {
  if (stated === "class") return classColumn(name, cells, undefined);
  const present = cells.filter(({ text }) => !isMissing(text));
  if (stated === undefined && present.length === 0) {
    const words = quoted(cells.map(({ text }) => text).filter((text) => text.trim() !== ""));
    return {
      column: { name, type: "class", classes: [] },
      valueOf: () => null,
      note: `label ${name}: no values${words && ` (${words} is taken as missing)`}`,
    };
  }
  const found = notationOf(present, { stated: stated === "number", commas });
  if ("notation" in found) return numberColumn(name, { cells, present, notation: found.notation });
  if (stated === "number") throw new NotANumber(found.odd);
  const numbers = present.filter(({ text }) => looksLikeNumber(text)).length;
  return classColumn(name, cells, 2 * numbers >= present.length ? found.odd : undefined);
}
