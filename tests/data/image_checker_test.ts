import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../run_stage.ts";

interface Verdicts {
  readonly whole: string;
  readonly paddedIsWhole: boolean;
  readonly lastBytesMissing: string;
  readonly cutShort: string;
  readonly paddedCutShort: string;
  readonly damaged: string;
  readonly alone: readonly string[];
  readonly together: readonly string[];
}

async function readVerdicts(): Promise<Verdicts> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-ffi",
      "--allow-env",
      join(ROOT, "tests/data/image_verdicts.ts"),
    ],
    cwd: ROOT,
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.ok(text !== "", new TextDecoder().decode(stderr));
  return JSON.parse(text);
}

Deno.test("ImageChecker tells truncation, damage and harmless padding apart", async () => {
  const verdicts = await readVerdicts();
  const truncated =
    "Cannot decode: the JPEG is truncated or damaged (VipsJpeg: premature end of JPEG image)";
  assert.equal(verdicts.whole, "good");
  assert.equal(verdicts.paddedIsWhole, true);
  assert.equal(verdicts.lastBytesMissing, truncated);
  assert.equal(verdicts.cutShort, truncated);
  assert.match(verdicts.paddedCutShort, /premature end of JPEG image/);
  assert.match(verdicts.damaged, /^Cannot decode: the JPEG is truncated or damaged/);
});

Deno.test("ImageChecker gives each image its own verdict, whatever is decoded beside it", async () => {
  const { alone, together } = await readVerdicts();
  assert.equal(new Set(alone).size, 4);
  assert.equal(together.length, 150);
  assert.deepEqual(together, alone);
});
