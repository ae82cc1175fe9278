/** A stage for the tests of `lib/cli`: it stops cleanly, some time after it is told to. */
import { type Command, type Context, main, type Options, Progress } from "../../lib/cli/mod.ts";
import { Failure } from "../../lib/failure.ts";

const FLAGS = {
  seconds: {
    type: "number",
    min: 0,
    max: 60,
    required: true,
    help: "time from the signal to the safe point",
  },
} as const;

const COMMAND = {
  name: "weave",
  summary: "weaves until it is stopped",
  flags: FLAGS,
  examples: ["deno task weave --seconds 1"],
  stopsCleanly: true,
} as const satisfies Command<typeof FLAGS>;

async function weave(
  { seconds }: Options<typeof FLAGS>,
  { signal }: Context,
): Promise<object> {
  const stopped = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => setTimeout(stopped.resolve, seconds * 1000));
  const progress = new Progress({ stage: "weave", label: "weaving", total: 4, unit: "rows" });
  progress.update(1, "warp 3");
  await stopped.promise;
  throw new Failure("stopped", "Stopped after 1 of 4 rows, give the same command again to go on");
}

await main(COMMAND, weave);
