import assert from "node:assert/strict";
import { systemCode, systemReason } from "../../lib/files/mod.ts";

Deno.test("systemCode() knows codes by name, by class and by number", () => {
  assert.equal(systemCode(Object.assign(new Error(""), { code: "ENOSPC" })), "ENOSPC");
  assert.equal(systemCode(new Deno.errors.NotFound()), "ENOENT");
  if (Deno.build.os === "linux") {
    assert.equal(systemCode(new Error("Stale file handle (os error 116)")), "ESTALE");
    assert.equal(systemCode(new Error("No locks available (os error 37)")), "ENOLCK");
  }
  for (
    const other of [new Error("no"), Object.assign(new Error(""), { code: "ERR_X" }), null, "x"]
  ) {
    assert.equal(systemCode(other), undefined);
  }
});

Deno.test("systemReason() has a sentence for numbers that nobody knows", () => {
  assert.equal(
    systemReason("x", new Error("Odd (os error 9999)")),
    "the system says error 9999",
  );
  assert.equal(systemReason("x", new TypeError("a bug")), undefined);
});
