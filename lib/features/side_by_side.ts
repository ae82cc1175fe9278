/** Concatenates the embeddings of two encoders. */
import type { Embedder } from "./embedder.ts";

/**
 * Two embedders of equally prepared images as one: the vectors of the first, those of the second behind them.
 *
 * @throws {RangeError} they prepare images differently
 */
export function sideBySide(first: Embedder, second: Embedder): Embedder {
  const { preprocessing, description } = first;
  if (JSON.stringify(second.preprocessing) !== JSON.stringify(preprocessing)) {
    throw new RangeError("Cannot embed side by side: images are prepared in two ways");
  }
  const width = first.width + second.width;
  return {
    width,
    preprocessing,
    description,
    async embed(images, rows) {
      const both = new Float32Array(rows * width);
      let begin = 0;
      // One after the other: each takes all threads.
      for (const each of [first, second]) {
        const vectors = await each.embed(images, rows);
        for (let row = 0; row < rows; row++) {
          const vector = vectors.subarray(row * each.width, (row + 1) * each.width);
          both.set(vector, row * width + begin);
        }
        begin += each.width;
      }
      return both;
    },
    [Symbol.dispose]() {
      first[Symbol.dispose]();
      second[Symbol.dispose]();
    },
  };
}
