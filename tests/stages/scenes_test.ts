import assert from "node:assert/strict";
import { join } from "node:path";
import { sha256File } from "../../lib/files/mod.ts";
import { openShards } from "../../lib/data/shards.ts";
import { temporaryFolder } from "../images/pictures.ts";
import { reportOf } from "./report_of.ts";

async function hashesOf(folder: string): Promise<string[]> {
  const hashes = [await sha256File(join(folder, "labels.csv"))];
  for await (const { name } of Deno.readDir(join(folder, "images"))) {
    hashes.push(await sha256File(join(folder, "images", name)));
  }
  return hashes.sort();
}

Deno.test("scenes gives the same files for a seed, and shares none between seeds", async () => {
  await using folder = await temporaryFolder();
  const make = async (name: string, seed: number) => {
    const out = join(folder.path, name);
    const args = ["--out", out, "--count", "20", "--size", "32", "--seed", String(seed)];
    const ran = await reportOf("scenes", args, { hide: folder.path });
    assert.equal(ran.code, 0, ran.stderr);
    return await hashesOf(out);
  };
  const first = await make("a", 1);
  assert.equal(first.length, 21);
  assert.equal(new Set(first).size, 21);
  assert.deepEqual(await make("b", 1), first);
  const other = await make("c", 2);
  assert.ok(other.every((hash) => !first.includes(hash)));
});

Deno.test("scenes go through shard with their labels and without a class of their own", async () => {
  await using folder = await temporaryFolder();
  const { path, hide } = { ...folder, hide: folder.path };
  const scenes = ["--out", join(path, "scenes"), "--count", "12", "--size", "16"];
  assert.deepEqual((await reportOf("scenes", scenes, { hide })).result, {
    stage: "scenes",
    out: "S/scenes",
    status: "done",
    scenes: 12,
    size: 16,
    seed: 0,
  });
  const table = (await Deno.readTextFile(join(path, "scenes/labels.csv"))).split("\n");
  assert.equal(table[0], "path,shape,objects,distance");
  assert.match(table[1]!, /^images\/000000\.jpg,[a-z]+,[1-4],1\.\d{4}$/);
  const args = ["--images", join(path, "scenes"), "--out", join(path, "shards")];
  const ran = await reportOf("shard", args, { hide });
  assert.equal(ran.code, 0, ran.stderr);
  assert.deepEqual(ran.result.labels, ["shape", "objects", "distance"]);
  assert.deepEqual([ran.result.rowsWithoutImage, ran.result.imagesWithoutRow], [0, 0]);
  const { manifest } = await openShards(join(path, "shards"));
  assert.deepEqual(manifest.labels.map(({ type }) => type), ["class", "number", "number"]);
});

Deno.test("scenes --kind letters go through shard with their label", async () => {
  await using folder = await temporaryFolder();
  const { path, hide } = { ...folder, hide: folder.path };
  const out = join(path, "letters"), size = ["--count", "30", "--size", "16"];
  const made = await reportOf("scenes", ["--out", out, ...size, "--kind", "letters"], { hide });
  assert.deepEqual([made.code, made.result.kind], [0, "letters"], made.stderr);
  const table = (await Deno.readTextFile(join(out, "labels.csv"))).trimEnd().split("\n");
  assert.deepEqual([table[0], table.length], ["path,letter", 31]);
  assert.match(table[1]!, /^images\/000000\.jpg,[A-Z]$/);
  const ran = await reportOf("shard", ["--images", out, "--out", join(path, "shards")], { hide });
  assert.deepEqual([ran.code, ran.result.labels], [0, ["letter"]], ran.stderr);
  // Shapes are other pictures: they do not come into the same place unasked.
  assert.equal((await reportOf("scenes", ["--out", out, ...size], { hide })).code, 73);
});

Deno.test("scenes refuses impossible sizes and another seed in the same place", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "scenes");
  const run = (args: string[]) =>
    reportOf("scenes", ["--out", out, "--count", "1", ...args], { hide: folder.path });
  const small = await run(["--size", "8"]);
  assert.equal(small.code, 2);
  assert.equal(
    small.message,
    "scenes: Cannot read the command line: --size must be from 16 to 1024, got 8",
  );
  assert.equal((await run([])).code, 0);
  const other = await run(["--seed", "1"]);
  assert.equal(other.code, 73);
  assert.match(
    other.message,
    /^scenes: Cannot write "S\/scenes": it was made from other inputs/,
  );
});
