/** `pipelines/pipeline.mk` with real make and real stages at toy size. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { pictureFile } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import { ROOT } from "../run_stage.ts";

const MAKE = await hasMake();
if (!MAKE) console.log("Tests of pipeline.mk are skipped: there is no make");

async function hasMake(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("make", { args: ["--version"] }).output();
    return success;
  } catch {
    return false;
  }
}

interface Made {
  readonly code: number;
  readonly stderr: string;
  /** Names of the stages in the commands that make printed. */
  readonly stages: readonly string[];
}

async function make(...args: string[]): Promise<Made> {
  const { code, stdout, stderr } = await new Deno.Command("make", {
    args: ["-f", "pipelines/pipeline.mk", `DENO=${Deno.execPath()}`, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  const commands = text.decode(stdout).matchAll(/ task --quiet (\w+) /g);
  return { code, stderr: text.decode(stderr), stages: [...commands].map(([, name]) => name!) };
}

let pictures = 0;

async function writeClass(folder: string, name: string): Promise<void> {
  await Deno.mkdir(join(folder, name), { recursive: true });
  for (let i = 0; i < 12; i++) await addImage(join(folder, name, `${i}.png`));
}

async function addImage(path: string): Promise<void> {
  await Deno.writeFile(path, await pictureFile(pictures++, [32, 32]));
}

async function classesOf(out: string): Promise<string[]> {
  const manifest = JSON.parse(await Deno.readTextFile(join(out, "shards/manifest.json")));
  return manifest.labels[0].classes;
}

Deno.test({
  name: "pipeline.mk: no name of a folder is run or stops make, and nothing is made twice",
  ignore: !MAKE,
  fn: () =>
    withFolder(async (folder) => {
      const names = [
        "x;touch PWNED;:",
        "a:b",
        "50% off",
        "it's",
        "a b",
        "$HOME",
        "$(shell touch PWNED)",
        "`touch PWNED`",
        "#x",
        "back\\slash",
        "new\nline",
        "-n",
        "a=b",
        "*",
      ];
      const images = join(folder, "ph'otos $(shell touch PWNED) $HOME;touch PWNED #");
      for (const name of names) await writeClass(images, name);
      const out = join(folder, "out");
      const flags = ["shards", `IMAGES=${images}`, `OUT=${out}`, "HOLDOUT=0.3"];
      const first = await make(...flags);
      assert.deepEqual([first.code, first.stages], [0, ["shard"]], first.stderr);
      assert.deepEqual(await classesOf(out), names.toSorted());
      assert.deepEqual((await make(...flags)).stages, []);
      for (const place of [ROOT, folder]) {
        const found = [...Deno.readDirSync(place)].filter(({ name }) => name === "PWNED");
        assert.deepEqual(found, []);
      }
    }),
});

Deno.test({
  name: "pipeline.mk: an OUT that make cannot name is refused before anything runs",
  ignore: !MAKE,
  fn: () =>
    withFolder(async (folder) => {
      for (
        const out of [
          "a b",
          "a;touch PWNED",
          "$(shell touch PWNED)",
          "a:b",
          "50%",
          "#",
          "a'b",
          "-o",
          "",
        ]
      ) {
        const { code, stages, stderr } = await make(`IMAGES=${folder}`, `OUT=${out}`);
        assert.deepEqual([code, stages], [2, []], out);
        assert.match(stderr, /OUT must be a path of letters, digits and \. \/ _ - \+ @ only/);
      }
      assert.deepEqual([...Deno.readDirSync(folder)], []);
      assert.equal((await make(`IMAGES=${folder}`, "OUT=x", "ENCODERS=a;b")).code, 2);
    }),
});

Deno.test({
  name: "pipeline.mk: a changed flag or image makes exactly the right targets again",
  ignore: !MAKE,
  fn: () =>
    withFolder(async (folder) => {
      const images = join(folder, "photos"), out = join(folder, "out");
      for (const name of ["cats", "dogs"]) await writeClass(images, name);
      const chain = (...args: string[]) =>
        make(
          ...[`IMAGES=${images}`, `OUT=${out}`, "ENCODERS=pretrained", "PRESET=smoke"],
          ...["HOLDOUT=0.5", "PRETRAIN_FLAGS=--steps 2 --runtime onnx"],
          ...["FEATURES_FLAGS=--runtime onnx", "PROBE_FLAGS=--runtime onnx", ...args],
        );
      const all = ["shard", "pretrain", "checkpoint", "features", "features", "probe", "compare"];
      const made = await chain();
      assert.deepEqual([made.code, made.stages], [0, all], made.stderr);

      const wouldMake = async (...args: string[]) => (await chain("-n", ...args)).stages;
      assert.deepEqual(await wouldMake(), []);
      assert.deepEqual(await wouldMake("PROBE_FLAGS=--seed 1"), all.slice(5));
      assert.deepEqual(await wouldMake("FEATURES_FLAGS=--batch 8"), all.slice(3));
      assert.deepEqual(await wouldMake("PRETRAIN_FLAGS=--steps 3 --runtime onnx"), all.slice(1));
      assert.deepEqual(await wouldMake("PRESET=scenes"), all.slice(1));
      assert.deepEqual(await wouldMake("HOLDOUT=0.4"), all);
      assert.deepEqual(await wouldMake("SHARD_FLAGS=--seed 1"), all);
      assert.deepEqual((await wouldMake("ENCODERS=pretrained pixels")).slice(-1), ["compare"]);
      assert.deepEqual(await wouldMake(), [], "to look has changed nothing");

      // Nothing that decides the run: it is up to date, and so is all that is made from it.
      const threads = "PRETRAIN_FLAGS=--steps 2 --runtime onnx --threads 1";
      const same = await chain(threads);
      assert.deepEqual([same.code, same.stages], [0, ["pretrain"]], same.stderr);
      assert.deepEqual(await wouldMake(threads), []);

      // Only a time has changed: the shard stage looks, and that is all.
      await Deno.utime(join(images, "dogs/0.png"), 1e9, 1e9);
      const touched = await chain(threads);
      assert.deepEqual([touched.code, touched.stages], [0, ["shard"]], touched.stderr);
      assert.deepEqual(await wouldMake(threads), []);

      // An unfinished run needs its shards.
      const receipt = join(out, "run/receipt.json"), manifest = join(out, "shards/manifest.json");
      const [kept, before] = [await Deno.readFile(receipt), await Deno.readFile(manifest)];
      await Deno.remove(receipt);
      const added = join(images, "cats/new.png");
      await addImage(added);
      const stopped = await chain("shards");
      assert.equal(stopped.code, 2);
      assert.match(
        stopped.stderr,
        /pipeline: the shards stay as they are, since the unfinished run/,
      );
      assert.deepEqual(await Deno.readFile(manifest), before);
      await Deno.remove(added);
      assert.equal((await chain("shards")).code, 0);
      assert.deepEqual(await Deno.readFile(manifest), before);

      // A finished one is kept, and trained again with the changed images.
      await Deno.writeFile(receipt, kept);
      await addImage(added);
      assert.deepEqual(await wouldMake(), all);
      const again = await chain("run");
      assert.deepEqual([again.code, again.stages], [0, ["shard", "pretrain"]], again.stderr);
      assert.notDeepEqual(await Deno.readFile(manifest), before);
      assert.deepEqual(await Deno.readFile(join(out, "run-1/receipt.json")), kept);
      const { shards } = JSON.parse(await Deno.readTextFile(join(out, "run/config.json")));
      assert.equal(
        shards.images,
        1 + JSON.parse(new TextDecoder().decode(before)).splits.train.images,
      );
    }),
});
