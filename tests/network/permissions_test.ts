import assert from "node:assert/strict";
import denoJson from "../../deno.json" with { type: "json" };
import { filesBelow } from "../module_graph.ts";
import { ROOT } from "../run_stage.ts";

/** What a task grants, as the cells of the table in SECURITY.md. */
function cellsOf(command: string): string[] {
  const granted = new Map(
    [...command.matchAll(/--allow-(\w+)(?:=(\S+))?/g)].map(([, kind, names]) => [kind!, names]),
  );
  const names = (kind: string) =>
    (granted.get(kind) ?? "").split(",").filter((name) => name !== "").map((name) => `\`${name}\``)
      .join(", ");
  const files = ["read", "write"].filter((kind) => granted.has(kind)).join(", ");
  return [files, granted.has("ffi") ? "yes" : "", names("run"), names("sys"), names("env")];
}

Deno.test("SECURITY.md lists the permissions of every stage, and no others", () => {
  const text = Deno.readTextFileSync(`${ROOT}SECURITY.md`);
  const [, table = ""] = /\n(\| stage [^]*?)\n\n/.exec(text) ?? [];
  const rows = table.split("\n").slice(2).map((line) =>
    line.slice(1, -1).split("|").map((cell) => cell.trim())
  );
  const tasks: Readonly<Record<string, { readonly command: string }>> = denoJson.tasks;
  const stages = filesBelow("stages").map((path) => path.slice("stages/".length, -".ts".length));
  const wanted = stages.map((name) => [`\`${name}\``, ...cellsOf(tasks[name]!.command)]);
  assert.deepEqual(rows.toSorted(), wanted.toSorted());
});
