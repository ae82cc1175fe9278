import assert from "node:assert/strict";
import { join } from "node:path";
import { expectLasting } from "../../lib/data/listing/passing_error.ts";
import { withFolder } from "../folder.ts";
import { reportOf } from "../stages/report_of.ts";

Deno.test("expectLasting() tells what passes from what is wrong with a file", () => {
  const tooMany = new Error("Too many open files (os error 24): open '/a.jpg'");
  assert.throws(() => expectLasting("/a.jpg", tooMany), {
    name: "Failure",
    kind: "missing",
    message:
      'Cannot read images: "/a.jpg" is not readable (too many files are open (see ulimit -n)), ' +
      "raise the limit and run the command again",
  });
  const stale = Object.assign(new Error("stale"), { code: "ESTALE" });
  assert.throws(() => expectLasting("/a.jpg", stale), {
    kind: "missing",
    message: /has lost it \(ESTALE\)\), run the command again$/,
  });
  expectLasting("/a.jpg", new Deno.errors.PermissionDenied("no"));
  expectLasting("/a.jpg", Object.assign(new Error("broken"), { code: "EIO" }));
  expectLasting("/a.jpg", new Error("not of the system"));
});

Deno.test("shard never takes an image for bad because too many files are open", () =>
  withFolder(async (folder) => {
    const scenes = join(folder, "scenes"), shards = join(folder, "shards");
    const flags = ["--out", scenes, "--count", "40", "--size", "16"];
    assert.equal((await reportOf("scenes", flags, { hide: folder })).code, 0);
    for (const limit of [20, 21, 22, 40]) {
      const { code, stderr } = await reportOf("shard", ["--images", scenes, "--out", shards], {
        hide: folder,
        prefix: ["sh", "-c", `ulimit -n ${limit} && exec "$@"`, "sh"],
      });
      // Deno and sharp need some for themselves to begin.
      if (code === 1 && !stderr.includes("shard: ")) continue;
      assert.ok([0, 66, 73].includes(code), `${limit}: ${code} ${stderr}`);
      assert.ok(!/bad|quarantine/.test(stderr), `${limit}: ${stderr}`);
    }
  }));
