import assert from "node:assert/strict";
import { describeFlags, parseFlags } from "../../lib/cli/mod.ts";
import { Failure } from "../../lib/failure.ts";

const TABLE = {
  images: { type: "string", placeholder: "DIR", required: true, help: "folder of images" },
  shardImages: {
    type: "integer",
    placeholder: "N",
    default: 1000,
    min: 1,
    help: "images in one tar",
  },
  holdout: { type: "number", min: 0, max: 1, default: 0, help: "share held out" },
  loss: { type: "number", max: 5, help: "largest loss" },
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

Deno.test("parseFlags() types values and fills defaults", () => {
  assert.deepEqual(parseFlags(TABLE, ["--images", "photos"]), {
    images: "photos",
    shardImages: 1000,
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
  [["--images", "x", "--shard-images", "0"], "--shard-images must be at least 1, got 0"],
  [["--images", "x", "--shard-images", "ten"], '--shard-images needs a whole number, got "ten"'],
  [["--images", "x", "--holdout", "2"], "--holdout must be from 0 to 1, got 2"],
  [["--images", "x", "--holdout", "NaN"], '--holdout needs a number, got "NaN"'],
  [["--images", "x", "--holdout", " "], '--holdout needs a number, got " "'],
  [["--images", "x", "--loss", "6"], "--loss must be at most 5, got 6"],
  [["--images", "x", "--split", "tset"], 'unknown value "tset" for --split, did you mean "test"?'],
  [
    ["--images", "x", "--split", "validation"],
    'unknown value "validation" for --split, expected one of "train", "test"',
  ],
] as const;

for (const [args, wanted] of REFUSALS) {
  Deno.test(`parseFlags() refuses ${args.join(" ") || "an empty command line"}`, () => {
    assert.equal(refusalOf(...args), wanted);
  });
}

Deno.test("describeFlags() shows every flag with value, meaning, choices and default", () => {
  assert.equal(
    describeFlags(TABLE),
    `  --images DIR      folder of images (required)
  --shard-images N  images in one tar (default 1000)
  --holdout NUMBER  share held out (default 0)
  --loss NUMBER     largest loss
  --split STRING    which split (one of train, test)
  --set KEY=VALUE   one setting (may be repeated)
  --force           replace`,
  );
});
