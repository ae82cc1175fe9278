/** Does one thing with a dataset again and again: `data_process.ts JOB FOLDER IMAGES SHARD_IMAGES WARM_UP TIMED`. */
import { openShards, type Shards } from "../../lib/data/mod.ts";
import { imagesOfStep, stepsPerEpochOf } from "../../lib/training/order.ts";
import { runForJson, stage } from "../contestants.ts";
import type { DataJob } from "./data.ts";
import { measure } from "../measured.ts";

const [job, folder, ...numbers] = Deno.args as [DataJob, string, ...string[]];
const [images, shardImages, warmUp, timed] = numbers.map(Number) as [
  number,
  number,
  number,
  number,
];
const BATCH = 32, IN_FLIGHT = 8;

/** The images of an epoch, step by step. Another seed each time, or the order would be there already. */
function* epoch(seed: number): Generator<number> {
  const steps = stepsPerEpochOf({ images, batch: BATCH });
  for (let step = 0; step < steps; step++) {
    yield* imagesOfStep({ seed, images, batch: BATCH }, step);
  }
}

async function open(): Promise<number> {
  return (await openShards(folder)).split("train").length;
}

function order(seed: number): number {
  let count = 0;
  for (const _ of epoch(seed)) count++;
  return count;
}

/** Opened once: what that costs is measured by itself. */
let opened: Promise<Shards> | undefined;

async function read(seed: number): Promise<number> {
  await using split = (await (opened ??= openShards(folder))).split("train");
  const waiting = epoch(seed);
  let bytes = 0;
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    for (const image of waiting) bytes += (await split.readImage(image)).length;
  }));
  return bytes;
}

/** The real stage, its start as a process included. */
async function pack(index: number): Promise<number> {
  const out = `${folder}-packed-${Deno.pid}-${index}`;
  await runForJson(
    stage("shard", ["--images", folder, "--out", out, "--shard-images", `${shardImages}`]),
  );
  return images;
}

const JOBS: Readonly<Record<DataJob, (index: number) => number | Promise<number>>> = {
  open,
  order,
  read,
  shard: pack,
};

await measure(async (index) => await JOBS[job](index), { warmUp, timed, library: "none" });
