/** A small encoder and shards of small pictures, and the features stage on them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Encoder, type EncoderWeights, writeEncoder } from "../../lib/encoder/mod.ts";
import { type Features, readFeatures } from "../../lib/formats/arrow.ts";
import { under } from "../../lib/tensor.ts";
import { pictureFile } from "../data/small_shards.ts";
import { CONFIG, MODEL, stateOfStep } from "../encoder/made_run.ts";
import { type Report, reportOf } from "./report_of.ts";

/** Pixels of the encoder's input, and how many pictures there are. */
export const SIDE = 16, IMAGES = 11;

/** An encoder of 4 x 4 patches, 16 wide and 4 deep. @param step decides its weights */
export function madeEncoder(step = 5): Encoder {
  const { mean, std } = CONFIG.data;
  return {
    config: MODEL.encoder,
    preprocessing: {
      resize: "shorter-side",
      shorterSide: SIDE,
      size: [SIDE, SIDE],
      filter: "bicubic",
      mean,
      std,
    },
    weights: under("target_encoder.", stateOfStep(step)) as EncoderWeights,
    network: "context",
    step,
  };
}

/** Eleven pictures of the encoder's size in two classes, with a number for all but one. */
async function writeImages(folder: string): Promise<void> {
  let table = "path,size:number\n";
  for (let i = 0; i < IMAGES; i++) {
    const path = `${i % 3 === 0 ? "cat" : "dog"}/${i}.png`;
    await Deno.mkdir(join(folder, path, ".."), { recursive: true });
    await Deno.writeFile(join(folder, path), await pictureFile(i, [SIDE, SIDE]));
    if (i !== 4) table += `${path},${i / 2}\n`;
  }
  await Deno.writeTextFile(join(folder, "labels.csv"), table);
}

/** What the features stage is run on, instead of what lies in the folder. */
export interface Inputs {
  readonly encoder?: string;
  readonly shards?: string;
}

/** A folder with `encoder`, `images` and `shards`, and the features stage that works there. */
export class FeatureWork {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async make(): Promise<FeatureWork> {
    const work = new FeatureWork(await Deno.makeTempDir());
    await work.writeEncoder("encoder", madeEncoder());
    await writeImages(join(work.root, "images"));
    const flags = ["--images", join(work.root, "images"), "--out", join(work.root, "shards")];
    const { code, stderr } = await reportOf("shard", [...flags, "--shard-images", "4"], {
      hide: work.root,
    });
    assert.equal(code, 0, stderr);
    return work;
  }

  /** Writes an encoder's directory. @returns its path */
  async writeEncoder(name: string, encoder: Encoder): Promise<string> {
    const path = join(this.root, name);
    await Deno.mkdir(path);
    await writeEncoder(path, encoder);
    return path;
  }

  /** Makes features in file `name`. */
  embed(
    name: string,
    flags: readonly string[] = [],
    { encoder = join(this.root, "encoder"), shards = join(this.root, "shards") }: Inputs = {},
  ): Promise<Report> {
    const out = join(this.root, name);
    const all = ["--encoder", encoder, "--shards", shards, "--out", out, ...flags];
    return reportOf("features", all, { hide: this.root });
  }

  /** Makes features, which must succeed, and reads them. */
  async features(name: string, flags: readonly string[] = [], inputs?: Inputs): Promise<Features> {
    const { code, stderr } = await this.embed(name, flags, inputs);
    assert.equal(code, 0, stderr);
    return await readFeatures(join(this.root, name));
  }

  /** Expects a failure and that nothing is left behind. */
  async expectRefusal(
    wanted: readonly [code: number, message: string | RegExp],
    flags: readonly string[],
    inputs?: Inputs,
  ): Promise<void> {
    const { code, message, stderr } = await this.embed("none.arrow", flags, inputs);
    assert.equal(code, wanted[0], stderr);
    if (typeof wanted[1] === "string") assert.equal(message, `features: ${wanted[1]}`);
    else assert.match(message, wanted[1]);
    for await (const { name } of Deno.readDir(this.root)) {
      assert.ok(!name.includes("none.arrow"), `"${name}" was left behind`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.root, { recursive: true });
  }
}

/** Fails unless as many values are given. */
export function largestDifference(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  assert.equal(got.length, wanted.length);
  return Math.max(...Array.from(got, (value, i) => Math.abs(value - wanted[i]!)));
}
