import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../run_stage.ts";

Deno.test("withLateProgress() shows nothing of short work, and units of what takes long", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", join(ROOT, "tests/cli/count.ts")],
  }).output();
  assert.equal(code, 0);
  // The next line would come ten seconds later. The speed begins with what is shown first.
  assert.match(
    new TextDecoder().decode(stderr),
    /^count: counting 40%, 2\/5 kB, 0 kB\/s, ETA \?\n$/,
  );
});
