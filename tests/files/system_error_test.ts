import assert from "node:assert/strict";
import { systemCode, systemFailure, systemReason } from "../../lib/files/mod.ts";

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

Deno.test("systemFailure() names the path that Deno or Node names, and what to do", () => {
  const said = (error: unknown) => {
    const failure = systemFailure(error);
    return failure && `${failure.kind}: ${failure.message}`;
  };
  const denied = new Deno.errors.PermissionDenied(
    "Permission denied (os error 13): open '/a/it's b'",
  );
  assert.equal(
    said(denied),
    `missing: Cannot go on: "/a/it's b" cannot be used: permission denied`,
  );
  const full = Object.assign(new Error("no space"), { code: "ENOSPC", path: "/a/b" });
  assert.equal(said(full), 'output: Cannot go on: "/a/b" cannot be used: the disk is full');
  const gone = new Deno.errors.NotFound(
    "No such file or directory (os error 2): rename '/a' -> '/b'",
  );
  assert.equal(said(gone), 'missing: Cannot go on: "/a" cannot be used: it does not exist');
  const loop = new Deno.errors.FilesystemLoop("Too many levels of symbolic links (os error 40)");
  assert.equal(
    said(loop),
    "missing: Cannot go on: a file cannot be used: its links lead in a circle",
  );
  for (const other of [new TypeError("a bug"), null, "x"]) assert.equal(said(other), undefined);
});
