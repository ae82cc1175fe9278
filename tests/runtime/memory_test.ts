import assert from "node:assert/strict";
import { ROOT } from "../run_stage.ts";

Deno.test("onnx: memory stays flat over 2,000 steps with changing mask sizes", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-ffi",
      "--allow-env=ORT_DISABLE_TELEMETRY",
      "tests/runtime/memory_steps.ts",
    ],
    cwd: ROOT,
    stdin: "null",
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const grown = Number(new TextDecoder().decode(stdout)) / 2 ** 20;
  // The garbage collector moves by some 10 MiB; one leaked set of tensors per step would be 400 MiB.
  assert.ok(grown < 60, `resident memory grew by ${grown.toFixed(0)} MiB over 1,600 steps`);
});
