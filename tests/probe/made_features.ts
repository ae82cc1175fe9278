import type { Features, LabelValues } from "../../lib/formats/arrow.ts";
import { RandomStream } from "../../lib/random/mod.ts";

/** What of the made features to change. */
export interface MadeOptions {
  readonly rows?: number;
  readonly width?: number;
  /** First number of the keys: files of different firsts share no sample. */
  readonly first?: number;
  readonly metadata?: Record<string, string>;
  readonly labels?: Record<string, LabelValues>;
}

/**
 * Features in memory. Three classes lie at the corners of a triangle in the first two features; `distance` is
 * a linear function of the third plus noise; `objects` counts 1 to 3 like the class.
 */
export function madeFeatures(
  { rows = 60, width = 4, first = 0, metadata = {}, labels = {} }: MadeOptions = {},
): Features {
  const embeddings = new Float32Array(rows * width);
  const shape: string[] = [], objects: number[] = [], distance: number[] = [];
  for (let row = 0; row < rows; row++) {
    const random = new RandomStream({ seed: 1, purpose: "made features", sample: first + row });
    const place = row % 3;
    const embedding = embeddings.subarray(row * width, (row + 1) * width);
    embedding.forEach((_, d) => embedding[d] = 5 + random.normal());
    embedding[0]! += 4 * Math.cos(2 * Math.PI * place / 3);
    embedding[1]! += 4 * Math.sin(2 * Math.PI * place / 3);
    shape.push(["circle", "square", "triangle"][place]!);
    objects.push(place + 1);
    distance.push(10 + 3 * embedding[2]! + 0.3 * random.normal());
  }
  const keys = Array.from({ length: rows }, (_, row) => `image-${first + row}`);
  return {
    rows,
    width,
    keys,
    paths: keys.map((key) => `${key}.jpg`),
    embeddings,
    labels: new Map<string, LabelValues>(Object.entries({
      shape: { type: "class", values: shape },
      objects: { type: "number", values: objects },
      distance: { type: "number", values: distance },
      ...labels,
    })),
    metadata: { "ijepa.encoder": "target", "ijepa.layers": "last", ...metadata },
  };
}
