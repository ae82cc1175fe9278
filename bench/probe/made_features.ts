/** Made feature files to time probes with, and the split of their rows, so that others hold out the same ones. */
import { join } from "node:path";
import { type Features, FeatureWriter } from "../../lib/formats/arrow.ts";
import { readLabel } from "../../lib/probe/labels.ts";
import { holdOut } from "../../lib/probe/splits.ts";
import { RandomStream } from "../../lib/random/mod.ts";

/** What to make. */
export interface MadeSizes {
  readonly trainRows: number;
  readonly testRows: number;
  /** D */
  readonly width: number;
  /** C */
  readonly classes: number;
  /** The variance along principal axis i is i to the power of minus this; 0 makes all axes alike. */
  readonly decay: number;
}

const SEED = 1;
/** Spread of the class means, in standard deviations of a class: about 70 % are separable. */
const MEAN_SPREAD = 0.1;
const REFLECTIONS = 8;

function stream(purpose: string, sample: number): RandomStream {
  return new RandomStream({ seed: SEED, purpose, sample });
}

function normals(count: number, { purpose, sample }: { purpose: string; sample: number }) {
  const random = stream(purpose, sample);
  return Float64Array.from({ length: count }, () => random.normal());
}

/** Reflects a vector, in place: several reflections mix the principal axes into all features. */
function reflect(vector: Float64Array, mirrors: readonly Float64Array[]): void {
  for (const mirror of mirrors) {
    let along = 0, squares = 0;
    for (let d = 0; d < vector.length; d++) {
      along += vector[d]! * mirror[d]!;
      squares += mirror[d]! ** 2;
    }
    const scale = 2 * along / squares;
    for (let d = 0; d < vector.length; d++) vector[d]! -= scale * mirror[d]!;
  }
}

/** Gaussian classes that overlap, rows `first` to `first + rows`. */
function madeRows(
  { width, classes, decay }: MadeSizes,
  { first, rows }: { readonly first: number; readonly rows: number },
): Features {
  const draw = (purpose: string, count: number) =>
    Array.from({ length: count }, (_, sample) => normals(width, { purpose, sample }));
  const means = draw("mean", classes), mirrors = draw("mirror", REFLECTIONS);
  const deviations = Float64Array.from({ length: width }, (_, d) => (d + 1) ** (-decay / 2));
  const embeddings = new Float32Array(rows * width), names: string[] = [], keys: string[] = [];
  for (let row = 0; row < rows; row++) {
    const place = stream("class", first + row).integer(classes);
    const vector = normals(width, { purpose: "row", sample: first + row });
    for (let d = 0; d < width; d++) {
      vector[d] = deviations[d]! * (vector[d]! + MEAN_SPREAD * means[place]![d]!);
    }
    reflect(vector, mirrors);
    embeddings.set(vector, row * width);
    names.push(`class ${place}`);
    keys.push(`row-${first + row}`);
  }
  const labels = new Map([["kind", { type: "class", values: names } as const]]);
  return { rows, width, keys, paths: keys, labels, embeddings, metadata: {} };
}

async function save(path: string, features: Features): Promise<void> {
  await using writer = await FeatureWriter.open(path, {
    width: features.width,
    labels: [{ name: "kind", type: "class" }],
    metadata: features.metadata,
  });
  await writer.append({ ...features, labels: { kind: features.labels.get("kind")!.values } });
  await writer.close();
}

/** Writes `train.arrow`, `test.arrow` and `split.json`: the training rows that seed 0 fits on and holds out. */
export async function makeFeatures(directory: string, sizes: MadeSizes): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  const train = { path: "train", features: madeRows(sizes, { first: 0, rows: sizes.trainRows }) };
  const test = {
    path: "test",
    features: madeRows(sizes, { first: sizes.trainRows, rows: sizes.testRows }),
  };
  await save(join(directory, "train.arrow"), train.features);
  await save(join(directory, "test.arrow"), test.features);
  const label = readLabel(train, test, {
    label: "kind",
    choices: { label: "kind", task: undefined, method: undefined },
  });
  if (label.task !== "classify") throw new TypeError("made labels are classes");
  const { fit, heldOut } = holdOut(label.train, { seed: 0 });
  const split = { fit: Array.from(fit), heldOut: Array.from(heldOut) };
  await Deno.writeTextFile(join(directory, "split.json"), JSON.stringify(split) + "\n");
}
