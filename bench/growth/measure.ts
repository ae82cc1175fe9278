/** The measure of growth: how the cost of a step, of a dataset and of its shards follows their size. */
import { join } from "node:path";
import { runForJson } from "../contestants.ts";
import { flawOfGrowth, growthExponent, TOLERANCE } from "./exponents.ts";
import type { Finding } from "../findings.ts";
import { GROWING_DATA, growingData } from "./data.ts";
import type { Growing, Growth } from "./growing.ts";
import { GROWING_STEPS, growingSteps } from "./steps.ts";
import type { Measured } from "../measured.ts";
import { isChosen, type Settings } from "../measures.ts";
import { waitForQuiet } from "../quiet.ts";
import { columns } from "../results.ts";
import { median } from "../statistics.ts";

/** After so many rounds a growth that is as expected is believed. */
const ENOUGH_ROUNDS = 2;

/** The JSON line of a growth. */
interface GrowthResult {
  readonly measure: "growth";
  readonly case: string;
  readonly quick: boolean;
  readonly threads: number;
  readonly rounds: number;
  readonly sizes: readonly number[];
  /** Of each size: the best round's median. */
  readonly seconds: readonly number[];
  readonly exponent: number;
  readonly expected_exponent: number;
  readonly tolerance: number;
}

type Round = readonly Measured[];

/** Other programs only ever add to the time, so the best round is nearest to the cost itself. */
function bestSeconds(rounds: readonly Round[]): number[] {
  return rounds[0]!.map((_, size) =>
    Math.min(...rounds.map((each) => median(each[size]!.seconds)))
  );
}

async function runRound({ contestants }: Growth, backwards: boolean): Promise<Round> {
  const round: Measured[] = [];
  for (const contestant of backwards ? contestants.toReversed() : contestants) {
    round.push(await runForJson<Measured>(contestant));
  }
  return backwards ? round.toReversed() : round;
}

/** Rounds until the growth is as expected, {@link ENOUGH_ROUNDS} at least and `pairs` at most. */
async function measureRounds(
  growth: Growth,
  { pairs, patience, say }: Pick<Settings, "pairs" | "patience" | "say">,
): Promise<readonly Round[]> {
  const { what, sizes, expected } = growth;
  const rounds: Round[] = [];
  for (let round = 0; round < pairs; round++) {
    await waitForQuiet(patience, say);
    say(`round ${round + 1} of ${pairs} at most`);
    rounds.push(await runRound(growth, round % 2 === 1));
    const flaw = flawOfGrowth({ what, sizes, costs: bestSeconds(rounds) }, expected);
    if (rounds.length >= ENOUGH_ROUNDS && flaw === undefined) break;
  }
  return rounds;
}

function growthTable(result: GrowthResult, { what, because }: Growth): string {
  const title = `growth ${result.case}: ${what}, best of ${result.rounds} rounds` +
    `${result.quick ? ", quick: the numbers mean nothing" : ""}`;
  const rows = [
    ["size", ...result.sizes.map(String)],
    ["seconds", ...result.seconds.map((seconds) => seconds.toPrecision(3))],
  ];
  const verdict = `exponent ${result.exponent.toFixed(2)}, at most ` +
    `${result.expected_exponent.toFixed(2)} expected of ${because}`;
  return [title, columns(rows), verdict].join("\n");
}

async function measureOne({ name, prepare }: Growing, settings: Settings): Promise<Finding> {
  const say = (text: string) => settings.say(`${name}, ${text}`);
  const growth = await prepare();
  const rounds = await measureRounds(growth, { ...settings, say });
  const { what, sizes, expected } = growth;
  const seconds = bestSeconds(rounds);
  const result: GrowthResult = {
    measure: "growth",
    case: name,
    quick: settings.quick,
    threads: settings.threads,
    rounds: rounds.length,
    sizes,
    seconds,
    exponent: growthExponent({ sizes, costs: seconds }),
    expected_exponent: expected,
    tolerance: TOLERANCE,
  };
  const flaw = flawOfGrowth({ what, sizes, costs: seconds }, expected);
  return {
    result,
    table: growthTable(result, growth),
    details: { what, expected_because: growth.because, rounds },
    // A quick round shows only that the command works.
    failures: flaw === undefined || settings.quick ? [] : [flaw],
  };
}

export const GROWTH_CASES: readonly string[] = [...GROWING_STEPS, ...GROWING_DATA];

/** How cost follows size, for everything that can grow. */
export async function* measureGrowth(settings: Settings): AsyncGenerator<Finding> {
  const folder = join(settings.folder, "growth");
  await Deno.mkdir(folder);
  const all = [...growingSteps(folder, settings), ...growingData(folder)];
  for (const each of all.filter(({ name }) => isChosen(settings, name))) {
    yield await measureOne(each, settings);
  }
}
