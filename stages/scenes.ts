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
import { drawScene, encodeScene, labelsOf, renderScene } from "../lib/scenes/mod.ts";

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
  summary: "renders labelled pictures of one to four shapes, to try the pipeline without data",
  flags: FLAGS,
  examples: [
    "deno task scenes --out scenes --count 20000 --size 32",
    "deno task shard --images scenes --out shards --holdout 0.2",
  ],
  details:
    `Writes images/000000.jpg ... and labels.csv with the columns path, shape (of the nearest object: circle,
cross, hexagon, square, star or triangle), objects (1 to 4) and distance (of the nearest object: 1 to 2).
The shard stage finds labels.csv by itself.`,
} as const satisfies Command<typeof FLAGS>;

const IN_FLIGHT = 8;

/** Renders scenes 0 to `count` - 1 of a seed. */
export async function scenes(options: Options<typeof FLAGS>, _context: Context): Promise<Outcome> {
  const { out, count, size, seed, force } = options;
  return await makeArtifact({
    stage: "scenes",
    version: VERSION,
    path: out,
    kind: "directory",
    config: { count, size, seed },
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
      const scene = drawScene({ seed, index });
      const path = `images/${String(index).padStart(6, "0")}.jpg`;
      await Deno.writeFile(
        join(directory, path),
        await encodeScene(renderScene(scene, size), size),
      );
      const { shape, objects, distance } = labelsOf(scene);
      return `${path},${shape},${objects},${distance.toFixed(4)}\n`;
    }, { inFlight: IN_FLIGHT });
    let table = "path,shape,objects,distance\n", done = 0;
    for await (const row of rows) {
      table += row;
      progress.update(++done);
    }
    progress.close();
    await Deno.writeTextFile(join(directory, "labels.csv"), table);
    return { scenes: count, size, seed };
  });
}

if (import.meta.main) await main(COMMAND, scenes);
