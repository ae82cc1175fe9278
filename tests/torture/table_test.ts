import assert from "node:assert/strict";
import { count, type Counts, outcomeTable, withTable } from "../../torture/table.ts";

Deno.test("outcomeTable() has a row per kind and a sum, and takes the place of the former", () => {
  const counts: Counts = new Map();
  for (const outcome of ["right", "right", "hung"] as const) {
    count(counts, "mutation: tar", outcome);
  }
  count(counts, "kill: probe", "right");
  const heading = { date: "2026-11-27", commit: "abc1234", machine: "linux", seed: 7 };
  const table = outcomeTable(counts, heading);
  assert.equal(
    table,
    `Commit abc1234, 2026-11-27, linux, \`--seed 7\`:

| what was done | cases | refused | right | silently wrong | crashed | hung | over 1 GB |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| kill: probe | 1 | 0 | 1 | 0 | 0 | 0 | 0 |
| mutation: tar | 3 | 0 | 2 | 0 | 0 | 1 | 0 |
| **all** | 4 | 0 | 3 | 0 | 0 | 1 | 0 |
`,
  );
  const page = "# A\n\n<!-- TORTURE TABLE -->\n\nold\n\n<!-- END OF TORTURE TABLE -->\n\nend\n";
  const wanted =
    `# A\n\n<!-- TORTURE TABLE -->\n\n${table}\n<!-- END OF TORTURE TABLE -->\n\nend\n`;
  assert.equal(withTable(page, table), wanted);
  assert.equal(withTable(wanted, table), wanted);
});
