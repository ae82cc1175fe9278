import assert from "node:assert/strict";
import { relativePaths, withAbsolutePaths } from "../../lib/cli/typed_paths.ts";

const FLAGS = {
  images: { type: "string", path: true, help: "" },
  out: { type: "string", path: true, help: "" },
  split: { type: "string", help: "" },
  probes: { type: "list", path: true, help: "" },
} as const;

Deno.test("relativePaths() finds the paths that depend on where the command starts", () => {
  const options = {
    images: "photos",
    out: "/abs/out",
    split: "train",
    probes: ["ours=a/probe", "b=/abs"],
  };
  assert.deepEqual(relativePaths(FLAGS, options), ["a/probe", "photos"]);
  assert.deepEqual(relativePaths(FLAGS, { images: undefined, probes: [] }), []);
});

Deno.test("withAbsolutePaths() says where a path lies, once, behind its first place", () => {
  const here = Deno.cwd();
  for (
    const [typed, message, wanted] of [
      ["photos", 'Cannot read "photos": no', `Cannot read "photos" (${here}/photos): no`],
      ["photos", 'in "photos/a": of "photos"', `in "photos/a" (${here}/photos/a): of "photos"`],
      ["./x/", 'Cannot open "x/m.json"', `Cannot open "x/m.json" (${here}/x/m.json)`],
      [".", 'Cannot probe: "." is', `Cannot probe: "." (${here}) is`],
      ["photos", 'Cannot read "photos2"', 'Cannot read "photos2"'],
      ["a.b", 'Cannot read "axb"', 'Cannot read "axb"'],
    ] as const
  ) {
    assert.equal(withAbsolutePaths(message, [typed]), wanted);
  }
});
