import assert from "node:assert/strict";
import { ROOT } from "../run_stage.ts";
import { tool } from "../tools.ts";

/** What `expectRoomForThreads(threads)` says in a process that may open so many files. */
async function roomWith(limit: number, threads: number): Promise<string | undefined> {
  const code = `import { expectRoomForThreads } from "${ROOT}lib/files/mod.ts";
try { expectRoomForThreads(${threads}); console.log("room"); }
catch (error) { console.log(error.kind + ": " + error.message); }`;
  // Without its settings Deno installs nothing in the project, where other tests look on.
  const deno = `'${Deno.execPath()}' eval --no-config '${code}'`;
  return (await tool("sh", ["-c", `ulimit -n ${limit} && cd / && ${deno}`]))?.trim();
}

Deno.test("expectRoomForThreads() counts the files that threads need", async () => {
  const plenty = await roomWith(200, 8);
  if (plenty === undefined) return;
  assert.equal(plenty, "room");
  assert.match(
    String(await roomWith(60, 8)),
    /^unavailable: Cannot start 8 threads: wanted 68 more files, got [34]\d: too many files are open \(see ulimit -n\), raise the limit$/,
  );
  assert.equal(await roomWith(60, 1), "room");
});
