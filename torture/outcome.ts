/** How one case ended, and what that counts as. */

/** The six outcomes; the last four must not happen. */
export const OUTCOMES = [
  "refused",
  "right",
  "silently wrong",
  "crashed",
  "hung",
  "over 1 GB",
] as const;
export type Outcome = typeof OUTCOMES[number];
export const GOOD: readonly Outcome[] = ["refused", "right"];

/** Exit codes that README explains and that are no bug. */
const REFUSALS = [2, 3, 65, 66, 69, 73, 75];

/** How a process ended. */
export interface Ended {
  readonly code: number;
  readonly signal: string | null;
  readonly stderr: string;
  /** It was ended because it took longer, or more memory, than it may. */
  readonly exceeded?: "time" | "memory";
}

/** What was made, and what should have been made. */
export interface Results {
  /** Names of files that are missing, or have another content than without the disturbance. */
  readonly different: readonly string[];
  /** Files that a finished or refused command must not leave behind. */
  readonly left: readonly string[];
  /** Whether the input decides the content, so that another content is no fault. */
  readonly free: boolean;
  /** Texts of which one on stderr says that something was wrong with the input. */
  readonly warnings: readonly string[];
}

/** What a case counts as, and why. */
export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: string;
}

/** A sentence of the stage about what is wrong, and nothing of a program that has lost control. */
function isSentence(stage: string, stderr: string): boolean {
  const lines = stderr.split("\n");
  return lines.some((line) => line.startsWith(`${stage}: `)) &&
    !lines.some((line) => /unexpected error|panicked|^\s+at .*\.ts:\d+|Uncaught/.test(line));
}

/** What went wrong, without the stack. */
function gist(text: string): string {
  const lines = text.trimEnd().split("\n").filter((line) => !/^\s+at /.test(line));
  const wrong = lines.findLast((line) => /unexpected error|[Ee]rror:|panicked|Cannot/.test(line));
  return (wrong ?? lines.at(-1) ?? "").slice(0, 300);
}

/** Judges a command that was not interrupted. */
export function judge(stage: string, ended: Ended, results: Results): Verdict {
  const { code, signal, stderr, exceeded } = ended;
  const said = gist(stderr);
  if (exceeded === "time") return { outcome: "hung", reason: said };
  if (exceeded === "memory") return { outcome: "over 1 GB", reason: said };
  if (signal !== null) return { outcome: "crashed", reason: `${signal}: ${said}` };
  if (code !== 0) {
    if (!REFUSALS.includes(code)) return { outcome: "crashed", reason: `exit ${code}: ${said}` };
    if (!isSentence(stage, stderr)) {
      return { outcome: "crashed", reason: `exit ${code} without a sentence: ${said}` };
    }
    if (results.left.length > 0) {
      return { outcome: "silently wrong", reason: `refused, but left ${results.left.join(", ")}` };
    }
    return { outcome: "refused", reason: `exit ${code}: ${said}` };
  }
  if (results.left.length > 0) {
    return { outcome: "silently wrong", reason: `done, but left ${results.left.join(", ")}` };
  }
  if (results.different.length === 0) return { outcome: "right", reason: "the same content" };
  if (results.free) return { outcome: "right", reason: "another input, another content" };
  if (results.warnings.some((text) => stderr.includes(text))) {
    return { outcome: "right", reason: `another content, and it says so: ${said}` };
  }
  return {
    outcome: "silently wrong",
    reason: `exit 0, but other content: ${results.different.slice(0, 5).join(", ")}`,
  };
}
