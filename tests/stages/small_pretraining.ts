/** A run of the real stage that takes a second or two, and what must not depend on what happens to it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { WALL_CLOCK_COLUMNS } from "../../lib/run/mod.ts";
import { pictureFile, writeShards } from "../data/small_shards.ts";
import { runStage, type StageResult } from "../run_stage.ts";

const IMAGES = 40;
export const STEPS = 60;
/** Small enough for thirty steps in a second, with masks of changing size and two epochs and a half per 12 steps. */
export const SMALL: readonly string[] = [
  ...["--preset", "smoke", "--steps", String(STEPS), "--batch", "8", "--checkpoint-steps", "4"],
  ...["--set", "data.imageSize=16", "--set", "model.patchSize=4", "--set", "model.width=16"],
  ...["--set", "data.horizontalFlip=true", "--threads", "1"],
];

function stateAfter(steps: number): string {
  return `checkpoints/step-${String(steps).padStart(8, "0")}/state.safetensors`;
}

export const FINAL = stateAfter(STEPS);

export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

export async function linesIn(run: string): Promise<number> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl")).catch(() => "");
  return text.split("\n").length - 1;
}

/** Waits until the run has recorded so many steps. */
export async function stepsDone(run: string, steps: number): Promise<void> {
  for (let tries = 0; await linesIn(run) < steps; tries++) {
    assert.ok(tries < 3000, `"${run}" never came to step ${steps}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Everything of a run that must not depend on when it was stopped: files, weights, metrics without wall clock. */
export async function outcomeOf(run: string, steps = STEPS): Promise<object> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  const metrics = text.trimEnd().split("\n").map((line) => {
    const values = JSON.parse(line);
    for (const field of WALL_CLOCK_COLUMNS) delete values[field];
    return values;
  });
  const checkpoints = [...Deno.readDirSync(join(run, "checkpoints"))].map(({ name }) => name);
  return {
    metrics,
    checkpoints: checkpoints.filter((name) => !name.startsWith("damaged-")).sort(),
    files: [...Deno.readDirSync(run)].map(({ name }) => name).sort(),
    config: await Deno.readTextFile(join(run, "config.json")),
    state: await Deno.readFile(join(run, stateAfter(steps))),
  };
}

/** Shards in a temporary folder, and runs on them. */
export class SmallPretraining implements AsyncDisposable {
  readonly root: string;
  readonly shards: string;
  #reference: Promise<object> | undefined;

  private constructor(root: string) {
    this.root = root;
    this.shards = join(root, "shards");
  }

  static async create(): Promise<SmallPretraining> {
    const made = new SmallPretraining(await Deno.makeTempDir());
    const pictures = Array.from(
      { length: IMAGES },
      (_, i) => pictureFile(i, [20 + i % 9, 30 - i % 5]),
    );
    await writeShards(made.shards, await Promise.all(pictures), { perShard: 15 });
    return made;
  }

  flagsFor(out: string, more: readonly string[] = SMALL): string[] {
    return ["--shards", this.shards, "--out", out, ...more];
  }

  pretrain(out: string, more?: readonly string[]): Promise<StageResult> {
    return runStage("pretrain", this.flagsFor(out, more));
  }

  /** The run of {@link uninterrupted}. */
  get reference(): string {
    return join(this.root, "uninterrupted");
  }

  /** The outcome of the same command when nothing happens to it. */
  uninterrupted(): Promise<object> {
    return this.#reference ??= (async () => {
      const { code, stdout, stderr } = await this.pretrain(this.reference);
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).status, "done");
      return await outcomeOf(this.reference);
    })();
  }

  /** A copy of the finished run. */
  async copyOfRun(name: string): Promise<string> {
    await this.uninterrupted();
    const run = join(this.root, name);
    await new Deno.Command("cp", { args: ["-r", this.reference, run] }).output();
    return run;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}
