/** The measure of the loader: pictures to batches for training. */
import { join } from "node:path";
import { expectAgreement, hasPackage, ours, peer } from "../contestants.ts";
import { type LoaderSizes, type LoaderWork, writeLoaderWork } from "./work.ts";
import { isChosen, measureTask, type Settings } from "../measures.ts";
import type { Kept } from "../results.ts";

const SIZES: LoaderSizes = { images: 512, batch: 64, pixels: 256 };
const QUICK_SIZES: LoaderSizes = { images: 64, batch: 16, pixels: 64 };

/** No row of pixels is a multiple of it. */
const STRIDE = 101;

/** Mean squares of an epoch's values: crops are drawn at random, and each library draws its own. */
const TOLERANCE = 0.02;

/**
 * `decoded` decodes in every epoch. `kept` has the loader keep decoded images, as it does up to 1 GiB of them; peers
 * have nothing of the kind.
 */
export const LOADER_CASES: Readonly<Record<string, Pick<LoaderWork, "cacheBytes">>> = {
  "256px-decoded": { cacheBytes: 0 },
  "256px-kept": { cacheBytes: 2 ** 30 },
};

async function peersOf(work: string, { alone, say }: Settings) {
  if (alone) return [];
  const torchvision = peer("torchvision", ["loader.py", work, "torchvision"]);
  if (await hasPackage("webdataset")) {
    return [torchvision, peer("webdataset", ["loader.py", work, "webdataset"])];
  }
  say("webdataset is left out: its package is not installed, the index did not have it");
  return [torchvision];
}

/** Images per second of batches of 224 pixels from JPEG files of 256. */
export async function* measureLoaders(settings: Settings): AsyncGenerator<Kept> {
  const { quick, threads: workers, folder } = settings;
  const sizes = quick ? QUICK_SIZES : SIZES;
  const lengths = quick ? { warmUp: 1, timed: 1 } : { warmUp: 2, timed: 8 };
  for (const [name, { cacheBytes }] of Object.entries(LOADER_CASES)) {
    if (!isChosen(settings, name)) continue;
    const work = join(folder, `loader-${name}`);
    await Deno.mkdir(work);
    await writeLoaderWork(work, sizes, { workers, cacheBytes, stride: STRIDE, ...lengths });
    yield await measureTask({
      measure: "loader",
      case: name,
      images: sizes.images,
      contestants: [ours("loader/process.ts", [work]), ...await peersOf(work, settings)],
      expectSame: (runs) => expectAgreement(runs, TOLERANCE),
    }, settings);
  }
}
