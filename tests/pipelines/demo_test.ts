/** `pipelines/demo.sh`, stopped in its first seconds: the whole takes minutes. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { withFolder } from "../folder.ts";
import { ROOT } from "../run_stage.ts";

/** Starts the demo, interrupts it when a line on stderr begins with `end`, and gives back all lines. */
async function demoUntil(end: string, work: string): Promise<{ code: number; lines: string[] }> {
  const child = new Deno.Command("bash", {
    args: ["pipelines/demo.sh", work],
    cwd: ROOT,
    env: { NO_COLOR: "1", PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "", told = false;
  for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (told || !text.split("\n").some((line) => line.startsWith(end))) continue;
    child.kill("SIGINT");
    told = true;
  }
  return { code: (await child.status).code, lines: text.trimEnd().split("\n") };
}

async function hasBash(): Promise<boolean> {
  try {
    return (await new Deno.Command("bash", { args: ["-c", ":"] }).output()).success;
  } catch {
    return false;
  }
}

const BASH = await hasBash();
if (!BASH) console.log("The test of demo.sh is skipped: there is no bash");

Deno.test({
  name: "demo.sh says that it was stopped, and counts the seconds of that call in the next",
  ignore: !BASH,
  fn: () =>
    withFolder(async (folder) => {
      const work = join(folder, "demo");
      const first = await demoUntil("$ deno task shard", work);
      assert.equal(first.code, 130);
      assert.match(first.lines.at(-1)!, /^demo: stopped after \d+:\d\d; run it again to go on$/);
      const seconds = Number(await Deno.readTextFile(join(work, "seconds")));
      assert.ok(Number.isInteger(seconds) && seconds < 300, `${seconds} seconds`);
      // As if the earlier call had taken longer.
      await Deno.writeTextFile(join(work, "seconds"), `${seconds + 600}\n`);
      const second = await demoUntil("[1/8", work);
      const clock = `${10 + Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
      assert.ok(second.lines.includes(
        `[1/8, ${clock}] Try a few pictures and steps, to see how long the whole will take`,
      ));
      const after = Number(await Deno.readTextFile(join(work, "seconds")));
      assert.ok(after >= seconds + 600 && after < seconds + 660);
    }),
});
