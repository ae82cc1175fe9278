import assert from "node:assert/strict";
import { type Ended, judge, type Outcome, type Results } from "../../torture/outcome.ts";

const SENTENCE = 'probe: Cannot read "a.arrow": it is cut short\n';
const SAME: Results = { different: [], left: [], free: false, warnings: ["a.arrow"] };
const OTHER: Results = { ...SAME, different: ["probe/metrics.json"] };
const done = (stderr = ""): Ended => ({ code: 0, signal: null, stderr });

const CASES: readonly (readonly [what: string, Ended, Results, Outcome])[] = [
  ["a sentence and its code", { code: 65, signal: null, stderr: SENTENCE }, SAME, "refused"],
  ["a code without a sentence", { code: 65, signal: null, stderr: "" }, SAME, "crashed"],
  ["a code that stands for a bug", { code: 1, signal: null, stderr: SENTENCE }, SAME, "crashed"],
  [
    "a stack beside the sentence",
    { code: 65, signal: null, stderr: `${SENTENCE}    at read (file:///x/y.ts:3:4)\n` },
    SAME,
    "crashed",
  ],
  [
    "a refusal that leaves a part",
    { code: 73, signal: null, stderr: SENTENCE },
    { ...SAME, left: [".probe.tmp-12"] },
    "silently wrong",
  ],
  ["the same content", done(), SAME, "right"],
  ["the same content and something left", done(), { ...SAME, left: ["x"] }, "silently wrong"],
  ["other content", done(), OTHER, "silently wrong"],
  ["other content, and a word on it", done(`probe: passing over "a.arrow"\n`), OTHER, "right"],
  ["other content of a file that decides it", done(), { ...OTHER, free: true }, "right"],
  ["a signal", { code: 139, signal: "SIGSEGV", stderr: "" }, SAME, "crashed"],
  ["no end", { code: 137, signal: "SIGKILL", stderr: "", exceeded: "time" }, SAME, "hung"],
  [
    "much memory",
    { code: 137, signal: "SIGKILL", stderr: "", exceeded: "memory" },
    SAME,
    "over 1 GB",
  ],
];

Deno.test("judge() counts how a command ended", () => {
  for (const [what, ended, results, wanted] of CASES) {
    assert.equal(judge("probe", ended, results).outcome, wanted, what);
  }
});
