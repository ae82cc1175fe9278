import assert from "node:assert/strict";
import { describeFlags, type FlagTable, parseFlags } from "../../lib/cli/mod.ts";
import { Failure } from "../../lib/failure.ts";

const TABLE = {
  images: { type: "string", placeholder: "DIR", required: true, help: "folder of images" },
  shardImages: {
    type: "integer",
    placeholder: "N",
    default: 10,
    min: 1,
    max: 100,
    help: "images in one tar",
  },
  holdout: { type: "number", min: 0, max: 1, default: 0, help: "share held out" },
  loss: { type: "number", min: -5, max: 5, help: "largest loss" },
  split: { type: "string", choices: ["train", "test"], help: "which split" },
  set: { type: "list", placeholder: "KEY=VALUE", help: "one setting" },
  force: { type: "boolean", help: "replace" },
} as const;

function refusalOf(...args: string[]): string {
  try {
    parseFlags(TABLE, args);
  } catch (error) {
    assert.ok(error instanceof Failure);
    assert.equal(error.kind, "usage");
    return error.message.replace("Cannot read the command line: ", "");
  }
  throw new Error(`${args.join(" ")} was accepted`);
}

Deno.test("parseFlags() refuses a home folder that no shell has put in", () => {
  const table = {
    out: { type: "string", path: true, help: "directory" },
    probes: { type: "list", path: true, help: "directories with names" },
    note: { type: "string", help: "some text" },
  } as const;
  for (const path of ["~", "~/data", "~/", "~ada/data"]) {
    const home = path.replace(/\/.*/, "");
    for (const args of [["--out", path], [`--out=${path}`], ["--probes", `a=${path}`]]) {
      assert.throws(() => parseFlags(table, args), {
        kind: "usage",
        message: new RegExp(
          `^Cannot .* no shell has put a home folder for "${home}", write all of it$`,
        ),
      });
    }
  }
  for (const path of ["./~", "./~/data", "a~/b", "~backup", "data/~"]) {
    assert.equal(parseFlags(table, ["--out", path]).out, path);
  }
  assert.equal(parseFlags(table, ["--note", "~/data"]).note, "~/data");
});

Deno.test("parseFlags() types values and fills defaults", () => {
  assert.deepEqual(parseFlags(TABLE, ["--images", "photos"]), {
    images: "photos",
    shardImages: 10,
    holdout: 0,
    set: [],
    force: false,
  });
  assert.deepEqual(
    parseFlags(TABLE, [
      "--images=a b",
      "--shard-images",
      "5",
      "--holdout=.25",
      "--loss",
      "-1e-3",
      "--split",
      "test",
      "--set",
      "a=1",
      "--set=b=2",
      "--force",
    ]),
    {
      images: "a b",
      shardImages: 5,
      holdout: 0.25,
      loss: -0.001,
      split: "test",
      set: ["a=1", "b=2"],
      force: true,
    },
  );
});

const REFUSALS = [
  [["--image", "x"], 'unknown flag "--image", did you mean "--images"?'],
  [
    ["--images", "x", "--shardImages", "5"],
    'unknown flag "--shardImages", did you mean "--shard-images"?',
  ],
  [
    ["-f"],
    'unknown flag "-f", expected one of "--images", "--shard-images", "--holdout", "--loss", "--split", "--set", "--force"',
  ],
  [[], "--images is missing (folder of images)"],
  [["--images"], "--images needs a value (DIR)"],
  [["--images", "--force"], "--images needs a value (DIR)"],
  [["--images", ""], "--images needs a value, got an empty one"],
  [["--images", "x", "--images", "y"], "--images is given twice"],
  [["--images", "x", "y"], 'unexpected "y", values follow a --flag'],
  [["--images", "x", "--force=yes"], "--force takes no value"],
  [["--images", "x", "--shard-images", "1.5"], '--shard-images needs a whole number, got "1.5"'],
  [["--images", "x", "--shard-images", "0"], "--shard-images must be from 1 to 100, got 0"],
  [["--images", "x", "--shard-images", "ten"], '--shard-images needs a whole number, got "ten"'],
  [["--images", "x", "--holdout", "2"], "--holdout must be from 0 to 1, got 2"],
  [["--images", "x", "--holdout", "NaN"], '--holdout needs a number, got "NaN"'],
  [["--images", "x", "--holdout", " "], '--holdout needs a number, got " "'],
  [["--images", "x", "--loss", "6"], "--loss must be from -5 to 5, got 6"],
  [["--images", " "], "--images needs a value, got an empty one"],
  [["--images="], "--images needs a value, got an empty one"],
  [["--images", "x", "--set", ""], "--set needs a value, got an empty one"],
  [["--images", "x", "--force", "--force"], "--force is given twice"],
  [["--images", "x", "--holdout", "0", "--holdout", "1"], "--holdout is given twice"],
  [["--images", "x", "--shard-images", "0x10"], '--shard-images needs a whole number, got "0x10"'],
  [["--images", "x", "--shard-images", "1e3"], '--shard-images needs a whole number, got "1e3"'],
  [["--images", "x", "--shard-images", " 5"], '--shard-images needs a whole number, got " 5"'],
  [["--images", "x", "--shard-images", "5 "], '--shard-images needs a whole number, got "5 "'],
  [["--images", "x", "--shard-images", "٣"], '--shard-images needs a whole number, got "٣"'],
  [["--images", "x", "--shard-images", "1_0"], '--shard-images needs a whole number, got "1_0"'],
  [["--images", "x", "--shard-images", "5n"], '--shard-images needs a whole number, got "5n"'],
  [
    ["--images", "x", "--shard-images", "Infinity"],
    '--shard-images needs a whole number, got "Infinity"',
  ],
  [["--images", "x", "--shard-images", ""], '--shard-images needs a whole number, got ""'],
  [["--images", "x", "--holdout=0x1"], '--holdout needs a number, got "0x1"'],
  [["--images", "x", "--holdout=Infinity"], '--holdout needs a number, got "Infinity"'],
  [["--images", "x", "--holdout=-Infinity"], '--holdout needs a number, got "-Infinity"'],
  [["--images", "x", "--holdout=1,5"], '--holdout needs a number, got "1,5"'],
  [["--images", "x", "--holdout=."], '--holdout needs a number, got "."'],
  [["--images", "x", "--holdout=e5"], '--holdout needs a number, got "e5"'],
  [["--images", "x", "--holdout=١"], '--holdout needs a number, got "١"'],
  [
    ["--images", "x", "--shard-images", "9".repeat(400)],
    `--shard-images must be from 1 to 100, got ${"9".repeat(400)}`,
  ],
  [["--images", "x", "--loss", "1e999"], "--loss must be from -5 to 5, got 1e999"],
  [
    ["--__proto__", "x"],
    'unknown flag "--__proto__", expected one of "--images", "--shard-images", "--holdout", "--loss", "--split", "--set", "--force"',
  ],
  [["--images", "x", "--split", "tset"], 'unknown value "tset" for --split, did you mean "test"?'],
  [
    ["--images", "x", "--split", "validation"],
    'unknown value "validation" for --split, expected one of "train", "test"',
  ],
] as const;

for (const [args, wanted] of REFUSALS) {
  const title = args.join(" ").slice(0, 60) || "an empty command line";
  Deno.test(`parseFlags() refuses ${title}`, () => {
    assert.equal(refusalOf(...args), wanted);
  });
}

Deno.test("FlagTable wants bounds for every number", () => {
  // @ts-expect-error: no largest number
  const unbounded: FlagTable = { count: { type: "integer", min: 1, help: "without a limit" } };
  assert.ok(unbounded);
  assert.deepEqual(
    parseFlags({ ...TABLE, images: { ...TABLE.images } }, ["--images", "x", "--loss", "-0"]).loss,
    0,
  );
});

Deno.test("describeFlags() shows every flag with value, meaning, choices and default", () => {
  assert.equal(
    describeFlags(TABLE),
    `  --images DIR      folder of images (required)
  --shard-images N  images in one tar (default 10)
  --holdout NUMBER  share held out (default 0)
  --loss NUMBER     largest loss
  --split STRING    which split (one of train, test)
  --set KEY=VALUE   one setting (may be repeated)
  --force           replace`,
  );
});
