/** The loop that writes a feature file: prepares, embeds and appends batch by batch. */
import type { ShardSplit } from "../data/mod.ts";
import { Failure } from "../failure.ts";
import { batchBytes, MOST_BATCH_BYTES } from "../model/limits.ts";
import type { FeatureLabel, FeatureWriter } from "../formats/arrow.ts";
import type { Embedder } from "./embedder.ts";
import { type PreparedBatch, preparedBatches } from "./prepared.ts";

/** A batch whose embeddings are being computed. */
interface Running {
  readonly prepared: PreparedBatch;
  readonly embeddings: Promise<Float32Array<ArrayBuffer>>;
}

/** How the images of a split become rows of a feature file. */
export interface Extraction {
  readonly embedder: Embedder;
  readonly writer: FeatureWriter;
  readonly labels: readonly FeatureLabel[];
  /** Images per batch. */
  readonly batch: number;
  /** Called with the number of images done. */
  onProgress(done: number): void;
}

/** Fails on NaN or infinity, which no probe can use. */
function expectFinite({ keys }: PreparedBatch, embeddings: Float32Array): void {
  const place = embeddings.findIndex((value) => !Number.isFinite(value));
  if (place < 0) return;
  const key = keys[Math.floor(place / (embeddings.length / keys.length))];
  throw new Failure(
    "data",
    `Cannot make features: the encoder gives ${embeddings[place]} for sample "${key}", ` +
      `check the run that it comes from`,
  );
}

/** Fails if the images of a batch, or their vectors, exceed memory. */
function expectBatchFits(batch: number, { preprocessing: { size }, width }: Embedder): void {
  const bytes = batchBytes(batch, size) + 4 * batch * width;
  if (bytes <= MOST_BATCH_BYTES) return;
  throw new Failure(
    "usage",
    `Cannot make features: batches of ${batch} images of ${size.join("x")}, with vectors of ` +
      `${width} values, take ${Number((bytes / 1e9).toPrecision(3))} GB, wanted at most ` +
      `${MOST_BATCH_BYTES / 1e9}, lower --batch`,
  );
}

/**
 * Embeds every image of a split and writes the rows in order. While one batch is being embedded, the next is prepared;
 * memory is that of two batches, however many images there are.
 *
 * @throws {Failure} `data`: an image does not decode, or its embedding is not finite; `usage`: batches beyond memory
 */
export async function extractFeatures(
  split: ShardSplit,
  { embedder, writer, labels, onProgress, ...options }: Extraction,
): Promise<void> {
  const { preprocessing } = embedder;
  const batch = Math.min(options.batch, split.length);
  expectBatchFits(batch, embedder);
  let running: Running | undefined, done = 0;
  const finish = async ({ prepared, embeddings }: Running): Promise<void> => {
    const { keys, paths, rows } = prepared;
    const values = await embeddings;
    expectFinite(prepared, values);
    const columns = labels.map(({ name }) => [
      name,
      prepared.labels.map((known) => Object.hasOwn(known, name) ? known[name]! : null),
    ]);
    await writer.append({ keys, paths, labels: Object.fromEntries(columns), embeddings: values });
    onProgress(done += rows);
  };
  try {
    for await (const prepared of preparedBatches(split, { preprocessing, batch })) {
      if (running !== undefined) await finish(running);
      const embeddings = embedder.embed(prepared.images, prepared.rows);
      embeddings.catch(() => {}); // Awaited in finish().
      running = { prepared, embeddings };
    }
    if (running !== undefined) await finish(running);
  } finally {
    // The caller frees the buffers next, so nothing may still use them.
    await running?.embeddings.catch(() => {});
  }
}
