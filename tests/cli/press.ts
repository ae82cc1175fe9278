/** A stage for the tests of `lib/cli`: it ends as it is told. */
import { makeArtifact } from "../../lib/artifact/mod.ts";
import { type Command, main, type Options, printMessage } from "../../lib/cli/mod.ts";
import { Failure, type FailureKind } from "../../lib/failure.ts";

const FLAGS = {
  out: { type: "string", placeholder: "FILE", required: true, help: "file to make" },
  fail: { type: "string", placeholder: "KIND", help: "kind of failure, bug, or read" },
  waitSeconds: {
    type: "number",
    min: 0,
    max: 60,
    default: 0,
    help: "time before the file is written",
  },
} as const;

const COMMAND = {
  name: "press",
  summary: "presses a file",
  flags: FLAGS,
  examples: ["deno task press --out page"],
  details: "More about pages.",
} as const satisfies Command<typeof FLAGS>;

async function press({ out, fail, waitSeconds }: Options<typeof FLAGS>): Promise<object> {
  if (fail === "bug") throw new TypeError("page is not a function");
  if (fail === "read") await Deno.readTextFile(out);
  if (fail !== undefined) throw new Failure(fail as FailureKind, "Cannot press: no ink");
  const spec = {
    stage: "press",
    version: "1",
    path: out,
    kind: "file",
    config: {},
    inputs: [],
  } as const;
  return await makeArtifact({ ...spec, force: false }, async (temporary) => {
    await Deno.writeTextFile(temporary, "half");
    printMessage("press", "pressing");
    await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
    return { pages: 1 };
  });
}

await main(COMMAND, press);
