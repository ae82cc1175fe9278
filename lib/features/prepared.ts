/** Decodes and preprocesses the images of a split ahead of the encoder. */
import { mapInOrder, type ShardSplit } from "../data/mod.ts";
import { Failure, messageOf } from "../failure.ts";
import type { Preprocessing } from "../formats/huggingface.ts";
import { freeData, Resampler, resizeCenterCrop, type RgbImage, useImage } from "../images/mod.ts";

/** Images ready for an encoder, with their records. */
export interface PreparedBatch {
  readonly rows: number;
  /** Normalised, [rows 3 H W]. Overwritten by the batch after the next. */
  readonly images: Float32Array<ArrayBuffer>;
  readonly keys: readonly string[];
  readonly paths: readonly string[];
  readonly labels: readonly Readonly<Record<string, string | number | null>>[];
}

/** Images that are read and decoded ahead: sharp works on four at a time, and large photos take much memory. */
const IN_FLIGHT = 8;

/** Prepares one image by the encoder's preprocessing. */
function prepare(
  image: RgbImage,
  { resampler, preprocessing, output }: {
    readonly resampler: Resampler;
    readonly preprocessing: Preprocessing;
    readonly output: Float32Array;
  },
): void {
  const { height, width } = image;
  const { resize, shorterSide } = preprocessing;
  if (resize === "shorter-side") {
    resizeCenterCrop(image, resampler, { shorterSide: shorterSide!, output });
  } else resampler.write(image, { box: { top: 0, left: 0, height, width }, output });
}

/**
 * All images of a split in order, prepared, in batches; the last may be smaller. Work goes on while a batch is in use,
 * so that decoding and encoding overlap.
 *
 * @throws {Failure} `data`: an image cannot be read or decoded; it is never left out
 */
export async function* preparedBatches(
  split: ShardSplit,
  { preprocessing, batch }: { readonly preprocessing: Preprocessing; readonly batch: number },
): AsyncGenerator<PreparedBatch> {
  const { size: [height, width], mean, std, filter } = preprocessing;
  const length = 3 * height * width;
  const resampler = new Resampler({ size: [height, width], mean, std, filter });
  const samples = mapInOrder(Array(split.length).keys(), async (index) => {
    const { key, path, image, labels } = await split.readSample(index);
    const output = new Float32Array(length);
    try {
      await useImage(image, (pixels) => {
        prepare(pixels, { resampler, preprocessing, output });
        freeData(pixels);
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(
        "data",
        `Cannot make features of sample "${key}" (from "${path}"): it does not decode ` +
          `(${messageOf(error)}), run shard again, which sets such images aside`,
        { cause: error },
      );
    }
    return { key, path, labels, output };
  }, { inFlight: IN_FLIGHT });
  const memory = [0, 1].map(() => new Float32Array(batch * length));
  let turn = 0;
  let collected: { key: string; path: string; labels: PreparedBatch["labels"][number] }[] = [];
  const finish = (): PreparedBatch => {
    const rows = collected.length;
    const finished = {
      rows,
      images: memory[turn]!.subarray(0, rows * length),
      keys: collected.map(({ key }) => key),
      paths: collected.map(({ path }) => path),
      labels: collected.map(({ labels }) => labels),
    };
    turn = 1 - turn;
    collected = [];
    return finished;
  };
  for await (const { output, ...known } of samples) {
    memory[turn]!.set(output, collected.length * length);
    collected.push(known);
    if (collected.length === batch) yield finish();
  }
  if (collected.length > 0) yield finish();
}
