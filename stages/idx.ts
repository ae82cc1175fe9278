/** Files of MNIST's format → labelled pictures. See `deno task idx --help`. */
import { basename, join } from "node:path";
import { hashInput, makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  main,
  type Options,
  Progress,
  VERSION,
} from "../lib/cli/mod.ts";
import { mapInOrder } from "../lib/data/ordered.ts"; // Without the decoders, which need permissions.
import { Failure } from "../lib/failure.ts";
import { forCsvCell } from "../lib/foreign_text.ts";
import { type IdxArray, readIdx } from "../lib/formats/idx.ts";
import { encodePng } from "../lib/formats/png.ts";

const FLAGS = {
  images: {
    type: "string",
    path: true,
    placeholder: "FILE",
    required: true,
    help: "pictures in grey, such as train-images-idx3-ubyte.gz; compressed by gzip or not",
  },
  labels: {
    type: "string",
    path: true,
    placeholder: "FILE",
    required: true,
    help: "a number from 0 on for each picture, such as train-labels-idx1-ubyte.gz",
  },
  out: {
    type: "string",
    path: true,
    placeholder: "DIR",
    required: true,
    help: "directory to make",
  },
  classes: {
    type: "string",
    placeholder: "A,B,...",
    help: "names of the classes, that of 0 first; without it the numbers are the names",
  },
  count: {
    type: "integer",
    placeholder: "N",
    min: 1,
    max: 1_000_000,
    help: "only the first so many; without it all",
  },
  force: { type: "boolean", help: "replace pictures that were made from something else" },
} as const;

const COMMAND = {
  name: "idx",
  summary: "turns files of MNIST's IDX format (MNIST, Fashion-MNIST, EMNIST, KMNIST) into pictures",
  flags: FLAGS,
  examples: [
    "deno task idx --images train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz --out train",
    "deno task shard --images train --out shards",
  ],
  details:
    `Writes images/NAME-000000.png ... (grey, lossless; NAME is the beginning of the name of --images) and
labels.csv with the columns path and class. The shard stage finds labels.csv by itself.
An official split stays one: make a directory, and shards, of each pair of files.`,
} as const satisfies Command<typeof FLAGS>;

/** Largest side of a picture, pixels. */
const MOST_SIDE = 4096;
/** Six digits of numbering, and what file systems can handle in a folder. */
const MOST_PICTURES = 1_000_000;
const MOST_CLASSES = 256;
const IN_FLIGHT = 8;

/** Pictures with their labels. */
interface Labelled {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** [count height width] */
  readonly pixels: Uint8Array;
  /** [count] */
  readonly labels: Uint8Array;
}

function refuse(kind: "usage" | "data", text: string): never {
  throw new Failure(kind, `Cannot make pictures: ${text}`);
}

/** `train` of `train-images-idx3-ubyte.gz`: pictures of two files have different names. */
function nameOf(path: string): string {
  const stem = basename(path).replace(/[-_.]images?(?![a-z]).*$|[.].*$/i, "");
  return stem.replace(/[^\w-]/g, "_").replace(/^[_-]+/, "").slice(0, 40) || "picture";
}

/** @throws {Failure} `usage`: no name, an empty one, or one twice */
function parseClasses(text: string | undefined): readonly string[] | undefined {
  const classes = text?.split(",").map((name) => name.trim());
  if (classes === undefined) return undefined;
  if (classes.includes("") || new Set(classes).size !== classes.length) {
    refuse("usage", `--classes wants different names with commas between them, got "${text}"`);
  }
  if (classes.length > MOST_CLASSES) {
    refuse("usage", `--classes has ${classes.length} names, wanted at most ${MOST_CLASSES}`);
  }
  return classes;
}

/** @throws {Failure} `data`: other counts, too few, sizes beyond bounds, or labels without a name */
function expectPair(
  { images, labels, classes, count: wanted = 1 }: Options<typeof FLAGS>,
  { pictures, numbers }: { readonly pictures: IdxArray; readonly numbers: IdxArray },
): Labelled {
  const [count, height, width] = pictures.shape as [number, number, number];
  const [labelCount] = numbers.shape as [number];
  if (count !== labelCount) {
    refuse(
      "data",
      `"${images}" has ${count} pictures and "${labels}" ${labelCount} labels, give two files of ` +
        "one split",
    );
  }
  if (count < wanted || count > MOST_PICTURES) {
    refuse("data", `"${images}" has ${count} pictures, wanted ${wanted} to ${MOST_PICTURES}`);
  }
  if (Math.min(height, width) < 1 || Math.max(height, width) > MOST_SIDE) {
    refuse("data", `"${images}" has pictures of ${height} x ${width}, wanted 1 to ${MOST_SIDE}`);
  }
  const names = parseClasses(classes)?.length ?? MOST_CLASSES;
  const nameless = numbers.data.findIndex((label) => label >= names);
  if (nameless >= 0) {
    refuse(
      "data",
      `label ${numbers.data[nameless]} of picture ${nameless} in "${labels}" has no name, ` +
        `--classes names ${names} from 0 to ${names - 1}`,
    );
  }
  return { count, height, width, pixels: pictures.data, labels: numbers.data };
}

/** Writes the pictures of a pair of files, and the table of their labels. */
export async function idx(options: Options<typeof FLAGS>, _context: Context): Promise<Outcome> {
  const { images, labels, out, force } = options;
  const classes = parseClasses(options.classes);
  const name = nameOf(images);
  return await makeArtifact({
    stage: "idx",
    version: VERSION,
    path: out,
    kind: "directory",
    config: { classes: classes ?? null, name, count: options.count ?? null },
    inputs: [await hashInput(images, "read pictures"), await hashInput(labels, "read labels")],
    force,
  }, async (directory) => {
    const pictures = await readIdx(images, { axes: 3 });
    const { height, width, pixels, ...known } = expectPair(options, {
      pictures,
      numbers: await readIdx(labels, { axes: 1 }),
    });
    const count = options.count ?? known.count;
    await Deno.mkdir(join(directory, "images"));
    const progress = new Progress({
      stage: "idx",
      label: "writing",
      total: count,
      unit: "pictures",
    });
    const rows = mapInOrder(Array(count).keys(), async (index) => {
      const path = `images/${name}-${String(index).padStart(6, "0")}.png`;
      const data = pixels.subarray(index * height * width, (index + 1) * height * width);
      await Deno.writeFile(join(directory, path), encodePng({ height, width, channels: 1, data }));
      const label = known.labels[index]!;
      return `${path},${forCsvCell(classes?.[label] ?? label)}\n`;
    }, { inFlight: IN_FLIGHT });
    let table = "path,class:class\n", done = 0;
    for await (const row of rows) {
      table += row;
      progress.update(++done);
    }
    progress.close();
    await Deno.writeTextFile(join(directory, "labels.csv"), table);
    const kinds = new Set(known.labels.subarray(0, count));
    return { pictures: count, height, width, classes: kinds.size };
  });
}

if (import.meta.main) await main(COMMAND, idx);
