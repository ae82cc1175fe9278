/** The chain at toy size: what every stage is given, and the undisturbed results that all others are compared with. */
import { join } from "node:path";
import sharp from "sharp";
import { stageArguments, type TaskName } from "../tests/run_stage.ts";
import { copy } from "./contents.ts";
import type { Limits, Processes } from "./processes.ts";

/** One command of a stage. Relative paths start at the folder of the case, which lies beside the base. */
export interface Work {
  readonly stage: TaskName;
  readonly flags: readonly string[];
  /** What it makes. */
  readonly out: string;
}

/** A name that no flag and no file of ours has. */
export const BASE = "base";

function work(stage: TaskName, out: string, flags: string): Work {
  return { stage, out, flags: flags.split(" ").filter((flag) => flag !== "") };
}

/** In the order in which they need each other. */
export const CHAIN: readonly Work[] = [
  work("scenes", "scenes", "--count 24 --size 32"),
  work("shard", "shards", "--images ../base/images --holdout 0.3 --shard-images 10"),
  work(
    "pretrain",
    "run",
    "--shards ../base/shards --preset smoke --steps 8 --checkpoint-steps 2 --threads 1",
  ),
  work("checkpoint", "encoder", "--run ../base/run"),
  work("features", "train.arrow", "--encoder ../base/encoder --shards ../base/shards"),
  work("features", "test.arrow", "--encoder ../base/encoder --shards ../base/shards --split test"),
  work("probe", "probe", "--train ../base/train.arrow --test ../base/test.arrow"),
  work("compare", "table.md", "--probes one=../base/probe --probes two=../base/probe"),
  work("masks", "masks.html", "--preset smoke --steps 3"),
];

/** The command line of a work, with exactly the permissions of its task. */
export function commandOf({ stage, flags, out }: Work): string[] {
  return [Deno.execPath(), ...stageArguments(stage), ...flags, "--out", out];
}

/** Formats that a folder of images may have; a picture of each lies in the folder of the base. */
export const FORMATS = ["jpeg", "png", "webp", "gif", "tiff", "avif"] as const;

/** A configuration as a person writes one. */
const CONFIG = {
  data: { imageSize: 32, mean: [0.5, 0.5, 0.5], cropScale: [0.3, 1] },
  model: { patchSize: 4, width: 32, heads: 2 },
  masks: { strategy: "multiblock", targetBlocks: 2, targetScale: [0.15, 0.2], minKeep: 2 },
  schedule: { learningRate: 1e-3, steps: 100, warmupSteps: 10 },
  run: { batch: 8, seed: 5 },
};

/** Copies the scenes and turns one into each format. */
async function addFormats(base: string): Promise<void> {
  await copy(join(base, "scenes"), join(base, "images"));
  await Deno.remove(join(base, "images/receipt.json"));
  const source = join(base, "scenes/images/000000.jpg");
  for (const format of FORMATS) {
    const path = join(base, "images/images", `format.${format}`);
    await sharp(source).toFormat(format).toFile(path);
  }
}

/**
 * Makes the base.
 *
 * @returns the seconds that each work took, in the order of the chain
 * @throws {Error} a stage does not do its work although nothing disturbs it
 */
export async function makeBase(
  root: string,
  processes: Processes,
  limits: Limits,
): Promise<number[]> {
  const base = join(root, BASE), seconds: number[] = [];
  await Deno.mkdir(base, { recursive: true });
  await Deno.writeTextFile(join(base, "config.json"), JSON.stringify(CONFIG, null, 2) + "\n");
  for (const each of CHAIN) {
    const started = performance.now();
    const { code, stderr } = await processes.run(commandOf(each), { cwd: base, limits });
    if (code !== 0) throw new Error(`Cannot torture: ${each.stage} ends with ${code}\n${stderr}`);
    seconds.push((performance.now() - started) / 1000);
    if (each.stage === "scenes") await addFormats(base);
  }
  return seconds;
}
