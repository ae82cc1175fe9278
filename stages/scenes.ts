/** Seed → labelled pictures of shapes. See `deno task scenes --help`. */
import { join } from "node:path";
import { makeArtifact, type Outcome } from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  main,
  type Options,
  Progress,
  VERSION,
} from "../lib/cli/mod.ts";
import { mapInOrder } from "../lib/data/mod.ts";
import {
  drawLetter,
  drawScene,
  encodeScene,
  labelsOf,
  renderLetter,
  renderScene,
} from "../lib/scenes/mod.ts";

const FLAGS = {
  out: {
    type: "string",
    path: true,
    placeholder: "DIR",
    required: true,
    help: "directory to make",
  },
  count: {
    type: "integer",
    placeholder: "N",
    required: true,
    min: 1,
    max: 10_000_000,
    help: "number of scenes",
  },
  size: {
    type: "integer",
    placeholder: "PX",
    default: 64,
    min: 16,
    max: 1024,
    help: "width and height of a picture, pixels",
  },
  kind: {
    type: "string",
    placeholder: "NAME",
    default: "shapes",
    choices: ["shapes", "letters"],
    help: "what is in a picture: one to four shapes before a wall, or a letter over coloured noise",
  },
  seed: {
    type: "integer",
    placeholder: "N",
    default: 0,
    min: 0,
    max: 0xffffffff,
    help: "decides every scene; the same scene comes at every size",
  },
  force: { type: "boolean", help: "replace scenes that were made with other settings" },
} as const;

const COMMAND = {
  name: "scenes",
  summary: "renders labelled pictures of shapes or letters, to try the pipeline without data",
  flags: FLAGS,
  examples: [
    "deno task scenes --out scenes --count 20000 --size 32",
    "deno task scenes --out letters --count 20000 --size 32 --kind letters",
    "deno task shard --images scenes --out shards --holdout 0.2",
  ],
  details:
    `Writes images/000000.jpg ... and labels.csv with the columns path, shape (of the nearest object: circle,
cross, hexagon, square, star or triangle), objects (1 to 4) and distance (of the nearest object: 1 to 2).
With --kind letters the columns are path and letter: one of twenty capitals, drawn without any font, of random size,
place, turn and colour; the colours behind it tell nothing about it.
The shard stage finds labels.csv by itself.`,
} as const satisfies Command<typeof FLAGS>;

const IN_FLIGHT = 8;

/** A picture: its number, seed and size. */
interface Place {
  readonly seed: number;
  readonly index: number;
  readonly size: number;
}

/** The kinds of pictures: the columns of their labels, and the renderer of RGB bytes [size size 3] with labels. */
const KINDS = {
  shapes: {
    columns: "shape,objects,distance",
    draw({ size, ...place }: Place) {
      const scene = drawScene(place), { shape, objects, distance } = labelsOf(scene);
      return {
        pixels: renderScene(scene, size),
        labels: `${shape},${objects},${distance.toFixed(4)}`,
      };
    },
  },
  letters: {
    columns: "letter",
    draw({ size, ...place }: Place) {
      const picture = drawLetter(place);
      return { pixels: renderLetter(picture, size), labels: picture.letter };
    },
  },
} as const;

/** Renders scenes 0 to `count` - 1 of a seed. */
export async function scenes(options: Options<typeof FLAGS>, _context: Context): Promise<Outcome> {
  const { out, count, size, seed, force } = options;
  const { columns, draw } = KINDS[options.kind];
  // Artefacts of shapes have no kind, as before this option.
  const kind = options.kind === "shapes" ? {} : { kind: options.kind };
  return await makeArtifact({
    stage: "scenes",
    version: VERSION,
    path: out,
    kind: "directory",
    config: { count, size, seed, ...kind },
    inputs: [],
    force,
  }, async (directory) => {
    await Deno.mkdir(join(directory, "images"));
    const progress = new Progress({
      stage: "scenes",
      label: "rendering",
      total: count,
      unit: "scenes",
    });
    const rows = mapInOrder(Array(count).keys(), async (index) => {
      const { pixels, labels } = draw({ seed, index, size });
      const path = `images/${String(index).padStart(6, "0")}.jpg`;
      await Deno.writeFile(join(directory, path), await encodeScene(pixels, size));
      return `${path},${labels}\n`;
    }, { inFlight: IN_FLIGHT });
    let table = `path,${columns}\n`, done = 0;
    for await (const row of rows) {
      table += row;
      progress.update(++done);
    }
    progress.close();
    await Deno.writeTextFile(join(directory, "labels.csv"), table);
    return { scenes: count, size, seed, ...kind };
  });
}

if (import.meta.main) await main(COMMAND, scenes);
