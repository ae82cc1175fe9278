/**
 * Renders pictures whose files are as large as those of photographs: scenes with grain. `pictures.ts FOLDER COUNT
 * PIXELS`; one line of JSON on stdout.
 */
import { join } from "node:path";
import { RandomStream } from "../../lib/random/mod.ts";
import { drawScene, encodeScene, renderScene } from "../../lib/scenes/mod.ts";

const SEED = 0;

/** Standard deviation of the grain, levels of 255. At 256 pixels it makes a file of 20 kB. */
const GRAIN = 5;

/** Adds the same grain to all three channels, in place. */
function addGrain(pixels: Uint8Array, index: number): void {
  const random = new RandomStream({ seed: SEED, purpose: "bench grain", sample: index });
  const levels = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let at = 0; at < levels.length; at += 3) {
    const grain = GRAIN * random.normal();
    for (let c = at; c < at + 3; c++) levels[c]! += grain;
  }
}

const [folder, ...numbers] = Deno.args as [string, ...string[]];
const [count, size] = numbers.map(Number) as [number, number];
let bytes = 0;
for (let index = 0; index < count; index++) {
  const pixels = renderScene(drawScene({ seed: SEED, index }), size);
  addGrain(pixels, index);
  const file = await encodeScene(pixels, size);
  bytes += file.length;
  await Deno.writeFile(join(folder, `${String(index).padStart(6, "0")}.jpg`), file);
}
console.log(JSON.stringify({ bytes_per_picture: Math.round(bytes / count) }));
