/** The measures of the training step: how fast it goes, and how soon the first one is done. */
import { join } from "node:path";
import { expectAgreement, ours, peer } from "../contestants.ts";
import { stepFlops } from "../flops.ts";
import { isChosen, measureTask, type Settings, type Task } from "../measures.ts";
import type { Kept } from "../results.ts";
import { STEP_CASES, type StepCase, writeStepWork } from "./cases.ts";

const WARM_UP_STEPS = 5;

/** Losses after a few dozen steps from the same weights agree to about 1e-6. */
const LOSS_TOLERANCE = 1e-4;

/** What runs before the timed steps, and how many of those. */
interface Lengths {
  readonly warmUpSteps: number;
  readonly timedSteps: number;
}

/** A training step of all contestants, with its files in the settings' folder. */
export async function stepTask(
  measure: string,
  stepCase: StepCase,
  { threads, alone, folder, ...lengths }: Settings & Lengths,
): Promise<Task> {
  const { warmUpSteps, timedSteps } = lengths;
  const work = join(folder, `${measure}-${stepCase.name}`);
  await Deno.mkdir(work);
  const masks = await writeStepWork(work, stepCase, { threads, warmUpSteps, timedSteps });
  // Compiled code is kept for the next round, but not for the next call of this command.
  const cache = { TORCHINDUCTOR_CACHE_DIR: join(work, "compiled") };
  const peers = alone ? [] : [
    peer("eager", ["step.py", work, "eager"]),
    peer("compiled", ["step.py", work, "compiled"], cache),
  ];
  return {
    measure,
    case: stepCase.name,
    images: stepCase.step.batch,
    flops: masks.slice(warmUpSteps).map(stepFlops(stepCase.step)),
    contestants: [ours("step/process.ts", [work]), ...peers],
    expectSame: (runs) => expectAgreement(runs, LOSS_TOLERANCE),
  };
}

function chosen(settings: Settings): readonly StepCase[] {
  return STEP_CASES.filter(({ name }) => isChosen(settings, name));
}

/** Images per second of the training step. */
export async function* measureSteps(settings: Settings): AsyncGenerator<Kept> {
  for (const stepCase of chosen(settings)) {
    const lengths = settings.quick
      ? { warmUpSteps: 1, timedSteps: 2 }
      : { warmUpSteps: WARM_UP_STEPS, timedSteps: stepCase.timedSteps };
    yield await measureTask(
      await stepTask("step", stepCase, { ...settings, ...lengths }),
      settings,
    );
  }
}

/** Seconds from the start of a process to the end of its first step. */
export async function* measureStartUp(settings: Settings): AsyncGenerator<Kept> {
  for (const stepCase of chosen(settings)) {
    const lengths = { warmUpSteps: 0, timedSteps: 1 };
    const task = await stepTask("start-up", stepCase, { ...settings, ...lengths });
    const better = (
      { first_useful_step_seconds: seconds }: { first_useful_step_seconds: number },
    ) => 1 / seconds;
    yield await measureTask({ ...task, better }, settings);
  }
}
