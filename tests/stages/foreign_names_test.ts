/** A folder whose names are made to harm, through the whole chain: they are data everywhere. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseCsv } from "../../lib/data/csv.ts";
import { forCsvCell } from "../../lib/foreign_text.ts";
import { pictureFile } from "../data/small_shards.ts";
import { withFolder } from "../folder.ts";
import { runStage } from "../run_stage.ts";

const NAMES = [
  "<script>alert(1)<",
  '=HYPERLINK("http:x","y")',
  "a|b",
  "\x1b]0;pwned\x07\x1b[2J",
  "two\nshard: lines",
  "](javascript:x)`code`",
  "gpj.\u202eexe\x9b",
  "__proto__",
];
const IMAGES_EACH = 6;

/** Fails if a text for people or a line of JSON holds what acts unseen. */
function assertSeen(text: string): void {
  assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
}

Deno.test("hostile names of folders, labels and files are data in everything that is printed and written", () =>
  withFolder(async (folder) => {
    const images = join(folder, "images <b>\x1b[31m|");
    let number = 0, table = 'path,"=1+1|<i>\n"\n';
    for (const name of NAMES) {
      await Deno.mkdir(join(images, name), { recursive: true });
      for (let i = 0; i < IMAGES_EACH; i++) {
        const path = `${name}/@${i}.png`;
        await Deno.writeFile(join(images, path), await pictureFile(number++, [32, 32]));
        table += `"${path.replaceAll('"', '""')}",${["x", '"](http://x)"', "-0.5"][i % 3]}\n`;
      }
    }
    // Bad files have names too.
    await Deno.writeTextFile(join(images, "bad\x1b[31m\n.png"), "no image");
    await Deno.writeTextFile(join(images, "labels.csv"), table);

    const run = async (stage: Parameters<typeof runStage>[0], ...flags: string[]) => {
      const { code, stdout, stderr } = await runStage(stage, flags);
      assert.equal(code, 0, stderr);
      assertSeen(stderr);
      assertSeen(stdout);
      assert.equal(stdout.split("\n").length, 2, "one line of JSON");
      return stderr;
    };
    const at = (name: string) => join(folder, name);
    const packed = await run(
      "shard",
      ...[
        "--images",
        images,
        "--out",
        at("shards"),
        "--holdout",
        "0.3",
        "--max-bad-fraction",
        "0.1",
      ],
    );
    assert.doesNotMatch(packed, /^shard: lines/m);
    assertSeen(await Deno.readTextFile(at("shards/quarantine.jsonl")));

    const start = at("](http:x) <b>|`.safetensors"), flags = ["--preset", "smoke", "--steps", "1"];
    await run("pretrain", "--shards", at("shards"), "--out", at("first"), ...flags);
    await Deno.copyFile(at("first/checkpoints/step-00000001/state.safetensors"), start);
    const given = ["--init-from", start, "--seed", "1", ...flags];
    await run("pretrain", "--shards", at("shards"), "--out", at("run"), ...given);
    await run("checkpoint", "--run", at("run"), "--out", at("encoder"));
    const card = await Deno.readTextFile(at("encoder/README.md"));
    assert.match(
      card,
      /^\| started from, SHA-256 \| \\\]\(http:x\) &lt;b&gt;\\\|\\`\.safetensors, `[0-9a-f]+` \|$/m,
    );
    assert.ok(!card.includes(folder), "no folder of this machine");

    for (const split of ["train", "test"]) {
      const out = at(`${split}.arrow`);
      await run(
        "features",
        ...["--encoder", "pixels:4", "--shards", at("shards"), "--split", split, "--out", out],
      );
    }
    const probed = ["--train", at("train.arrow"), "--test", at("test.arrow"), "--method", "knn"];
    const shown = await run("probe", ...probed, "--out", at("probe"));
    assert.match(shown, /^=1\+1\|<i>\\n +classify +knn /m);
    const metrics = await Deno.readTextFile(at("probe/metrics.json"));
    assert.ok(!metrics.includes(folder), "no folder of this machine");
    const { labels } = JSON.parse(metrics);
    assert.deepEqual(labels[0].classes.map(({ name }: { name: string }) => name), NAMES.toSorted());

    const predictions = await Deno.readTextFile(at("probe/predictions.csv"));
    const [, ...rows] = parseCsv(predictions, "predictions.csv");
    const known = new Set(
      [...NAMES, "x", "](http://x)", "-0.5"].map((name) =>
        parseCsv(`${forCsvCell(name)},`, "m")[0]!.cells[0]
      ),
    );
    for (const { cells } of rows) {
      assert.equal(cells.length, 7);
      assert.ok(cells.every((cell) => /^(?![=+@\t\r])/.test(cell)), cells.join());
      assert.ok(known.has(cells[4]!) && known.has(cells[5]!), cells.join());
    }

    await run(
      "compare",
      ...["--probes", `<img>|](http://y)=${at("probe")}`, "--probes", `b\x1b=${at("probe")}`],
      ...["--out", at("table.md")],
    );
    const lines = (await Deno.readTextFile(at("table.md"))).trimEnd().split("\n");
    assert.equal(lines.length, 4);
    assert.match(
      lines[0]!,
      /^\| label +\| baseline \| &lt;img&gt;\\\|\\\]\(http\\:\/\/y\) +\| b\\\\x1b +\|$/,
    );
    assert.match(lines[3]!, /^\| =1\+1\\\|&lt;i&gt;\\\\n \(accuracy\) \|/);
  }));
