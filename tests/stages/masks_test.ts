import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../images/pictures.ts";
import { reportOf } from "./report_of.ts";

Deno.test("masks writes a page that needs nothing else, and its numbers", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "pages/masks.html");
  const args = ["--out", out, "--preset", "scenes", "--batch", "8", "--steps", "20"];
  const ran = await reportOf("masks", args, { hide: folder.path });
  assert.equal(ran.code, 0, ran.stderr);
  const { contextShare, targetShare, ...result } = ran.result;
  // 24 of 64 patches, four 3x3 targets: this preset leaves nothing to chance but the places.
  assert.deepEqual(result, {
    stage: "masks",
    out: "S/pages/masks.html",
    status: "done",
    strategy: "multiblock",
    sampler: "full",
    grid: [8, 8],
    images: 160,
    targetBlocks: 4,
    contextTokens: { least: 24, mean: 24, most: 24, possible: [24, 24] },
    targetTokens: { least: 9, mean: 9, most: 9, possible: [9, 9] },
    overlapShare: 0,
    drawsPerImage: 1,
  });
  assert.equal(contextShare.mean, 0.375);
  // Four targets of 9 patches overlap each other, so fewer than 36 of 64 are taken.
  assert.ok(targetShare.mean > 0.3 && targetShare.mean < 36 / 64);
  const page = await Deno.readTextFile(out);
  assert.match(page, /<title>multiblock masks on 8 x 8 patches<\/title>/);
  assert.doesNotMatch(page, /<script|https?:|<link|<img|@import|url\(|NaN|undefined|Infinity/);
  // Eight examples, two heat maps, two histograms.
  assert.equal([...page.matchAll(/<svg /g)].length, 12);
  assert.match(page, /the context encoder takes 8&nbsp;x&nbsp;24 tokens/);
  assert.match(page, /Targets were drawn\n1\.000 times per image until they left enough/);
  assert.match(page, /32&nbsp;x&nbsp;33 \(4 targets per\s+image\)/);
  assert.equal((await reportOf("masks", args, { hide: folder.path })).result.status, "up to date");
});

Deno.test("masks knows every strategy, and takes its values from it unless they are stated", async () => {
  await using folder = await temporaryFolder();
  const run = (name: string, ...sets: string[]) =>
    reportOf("masks", [
      ...["--out", join(folder.path, name), "--preset", "vitxs8-64"],
      ...["--batch", "4", "--steps", "5"],
      ...sets.flatMap((set) => ["--set", set]),
    ], { hide: folder.path });
  const [rasterized, block, random] = await Promise.all([
    run("rasterized.html", "masks.strategy=rasterized"),
    run("block.html", "masks.strategy=block", "masks.targetScale=[0.5,0.5]"),
    run("random.html", "masks.strategy=random"),
  ]);
  assert.deepEqual(rasterized.result.targetTokens, {
    least: 16,
    mean: 16,
    most: 16,
    possible: [16, 16],
  });
  assert.equal(rasterized.result.targetBlocks, 3);
  // 32 patches of 64, as 5x7, 6x6, 6x5 or 7x5.
  assert.deepEqual(block.result.targetTokens.possible, [30, 36]);
  assert.deepEqual(random.result.contextTokens.possible, [26, 26]);
  assert.equal(random.result.targetShare.mean, Number((38 / 64).toPrecision(4)));
});

Deno.test("masks says how often targets were drawn, and covers borders evenly when asked", async () => {
  await using folder = await temporaryFolder();
  const run = (placement: string) =>
    reportOf("masks", [
      ...["--out", join(folder.path, `${placement}.html`), "--preset", "vitxs8-64"],
      ...["--batch", "16", "--steps", "200", "--set", `masks.targetPlacement=${placement}`],
      ...["--set", "masks.targetScale=[0.15,0.2]", "--set", "masks.contextKeepFraction=0.3"],
    ], { hide: folder.path });
  const [uniform, even] = await Promise.all([run("uniform"), run("even")]);
  for (const { result } of [uniform, even]) {
    // 1.03 and 1.05 over many steps; step by step from 1 to 1.7.
    assert.ok(result.drawsPerImage > 1.005 && result.drawsPerImage < 1.1, result.drawsPerImage);
    assert.deepEqual(result.contextTokens, { least: 19, mean: 19, most: 19, possible: [19, 19] });
    assert.equal(result.overlapShare, 0);
  }
  const least = (report: typeof uniform) => report.result.targetShare.least;
  assert.ok(least(uniform) < 0.15 && least(even) > 0.28, `${least(uniform)} ${least(even)}`);
});

Deno.test("masks refuses what cannot work in one sentence, and another page in the same place", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "masks.html");
  const run = (...args: string[]) =>
    reportOf("masks", ["--out", out, "--preset", "smoke", "--steps", "2", ...args], {
      hide: folder.path,
    });
  const official = await run("--set", "masks.strategy=block", "--set", "masks.sampler=reference");
  assert.equal(official.code, 2);
  assert.equal(
    official.message,
    "masks: Cannot place the masks: masks.sampler reference repeats the official collator, which " +
      "has no block masks, set masks.sampler to full or masks.strategy to multiblock",
  );
  const long = await run("--set", "masks.contextKeepFraction=1");
  assert.deepEqual([long.code, long.message], [
    2,
    "masks: Cannot place the masks: contexts of 16 tokens (masks.contextKeepFraction 1) are too " +
    "long on the 4x4 grid: fewer than 5 % of the draws of targets (2 of 2x2) leave more than 12 " +
    "tokens of the 4x4 context block, set masks.contextKeepFraction to at most 0.8, or lower " +
    "masks.targetScale or masks.targetBlocks",
  ]);
  const unknown = await run("--set", "masks.strategy=blocks");
  assert.equal(unknown.code, 2);
  assert.equal(
    unknown.message,
    "masks: Cannot use the configuration: masks.strategy from --set wants one of " +
      '"multiblock", "rasterized", "block", "random", got "blocks"',
  );
  const missing = await run("--config", join(folder.path, "none.json"));
  assert.deepEqual([missing.code, missing.message], [
    66,
    'masks: Cannot read the configuration: "S/none.json" does not exist, check --config',
  ]);
  const config = join(folder.path, "run.json");
  const cases = [
    [new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), '"S/run.json" is not UTF-8 text'],
    [new Uint8Array(1_000_001), '"S/run.json" has 1000001 bytes, wanted at most 1000000'],
  ] as const;
  for (const [bytes, flaw] of cases) {
    await Deno.writeFile(config, bytes);
    const { code, message } = await run("--config", config);
    assert.deepEqual([code, message], [
      2,
      `masks: Cannot read the configuration: ${flaw}, check --config`,
    ]);
  }
  const folderGiven = await run("--config", folder.path);
  assert.deepEqual([folderGiven.code, folderGiven.message], [
    66,
    'masks: Cannot read the configuration: "S" is not readable (it is a directory)',
  ]);
  // As PowerShell writes it.
  await Deno.writeTextFile(config, '\ufeff{"run": {"batch": 8}}\r\n');
  assert.equal((await run("--config", config)).code, 0);
  const other = await run("--seed", "1");
  assert.equal(other.code, 73);
  assert.match(other.message, /^masks: Cannot write "S\/masks\.html": it was made from other/);
  assert.equal((await run("--seed", "1", "--force")).result.status, "done");
});
