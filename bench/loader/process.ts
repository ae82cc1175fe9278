/** Makes batches of the pictures in a folder that `writeLoaderWork` has filled: `process.ts FOLDER`. */
import { join } from "node:path";
import { BatchLoader } from "../../lib/data/mod.ts";
import { HAS_TURBOJPEG } from "../../lib/images/mod.ts";
import { imagesOfStep } from "../../lib/training/order.ts";
import type { LoaderWork } from "./work.ts";
import { measure } from "../measured.ts";

const folder = Deno.args[0]!;
const work = JSON.parse(await Deno.readTextFile(join(folder, "work.json"))) as LoaderWork;
const { spec, images, batch, workers, cacheBytes, stride, warmUp, timed } = work;
const stepsPerEpoch = images / batch;
const loader = new BatchLoader({
  spec,
  batch,
  firstStep: 0,
  endStep: (warmUp + timed) * stepsPerEpoch,
  samplesOf: (step) => imagesOfStep({ seed: spec.seed, images, batch }, step),
  threads: workers,
  cacheBytes,
});

await measure(async (epoch) => {
  let squares = 0, count = 0;
  for (let step = epoch * stepsPerEpoch; step < (epoch + 1) * stepsPerEpoch; step++) {
    const { images: values } = await loader.next(step);
    for (let i = 0; i < values.length; i += stride, count++) squares += values[i]! ** 2;
  }
  return squares / count;
}, { warmUp, timed, library: `${HAS_TURBOJPEG ? "libturbojpeg" : "sharp"}, ${workers} threads` });
