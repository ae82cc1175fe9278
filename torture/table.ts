/** The table of outcomes as Markdown. */
import { type Outcome, OUTCOMES } from "./outcome.ts";

/** How often each outcome was seen, by what was done. */
export type Counts = Map<string, Record<Outcome, number>>;

/** Counts one case. */
export function count(counts: Counts, row: string, outcome: Outcome): void {
  const none = Object.fromEntries(OUTCOMES.map((each) => [each, 0])) as Record<Outcome, number>;
  const seen = counts.get(row) ?? none;
  seen[outcome]++;
  counts.set(row, seen);
}

/** What a table is about. */
export interface Heading {
  readonly date: string;
  readonly commit: string;
  readonly machine: string;
  readonly seed: number;
}

/** A caption, then a row per kind of case and a sum. */
export function outcomeTable(counts: Counts, { date, commit, machine, seed }: Heading): string {
  const all: Counts = new Map();
  for (const seen of counts.values()) {
    for (const outcome of OUTCOMES) {
      for (let left = seen[outcome]; left > 0; left--) count(all, "all", outcome);
    }
  }
  const total = (seen: Record<Outcome, number>) =>
    OUTCOMES.reduce((sum, outcome) => sum + seen[outcome], 0);
  const row = (name: string, seen: Record<Outcome, number>) =>
    `| ${[name, total(seen), ...OUTCOMES.map((outcome) => seen[outcome])].join(" | ")} |`;
  return [
    `Commit ${commit}, ${date}, ${machine}, \`--seed ${seed}\`:`,
    "",
    `| what was done | cases | ${OUTCOMES.join(" | ")} |`,
    `| --- | ${["cases", ...OUTCOMES].map(() => "---:").join(" | ")} |`,
    ...[...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, seen]) => row(name, seen)),
    ...[...all].map(([name, seen]) => row(`**${name}**`, seen)),
    "",
  ].join("\n");
}

const MARKS = /(<!-- TORTURE TABLE -->\n)[^]*?(\n<!-- END OF TORTURE TABLE -->)/;

/** Puts the table between its marks, or makes it the whole text where there are none. */
export function withTable(text: string, table: string): string {
  return MARKS.test(text)
    ? text.replace(MARKS, (_, open, close) => `${open}\n${table}${close}`)
    : table;
}
