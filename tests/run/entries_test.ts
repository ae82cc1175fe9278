import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { inRun, RECORD, refusal, TENSORS, withRun } from "./small_run.ts";

/** Everything below a folder with its content, links as links. */
function contentOf(folder: string, prefix = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { name, isDirectory, isSymlink } of Deno.readDirSync(folder)) {
    const path = join(folder, name);
    if (isSymlink) found[prefix + name] = `-> ${Deno.readLinkSync(path)}`;
    else if (isDirectory) Object.assign(found, contentOf(path, `${prefix}${name}/`));
    else found[prefix + name] = Deno.readTextFileSync(path);
  }
  return found;
}

/** A run with two checkpoints, and beside it a home with things that must not be touched. */
async function withHome(use: (run: string, home: string) => Promise<void>): Promise<void> {
  await withRun(async (run) => {
    await inRun(run, RECORD, async (opened) => {
      for (const step of [10, 20]) await opened.writeCheckpoint({ step, tensors: TENSORS });
    });
    const home = join(dirname(run), "home");
    for (const folder of [".ssh", ".step-00000010.tmp", "step-00000020"]) {
      await Deno.mkdir(join(home, folder), { recursive: true });
      await Deno.writeTextFile(join(home, folder, "state.json"), "mine");
    }
    await Deno.writeTextFile(join(home, "thesis"), "all of it");
    await use(run, home);
  });
}

const ENTRIES = [
  ".lock",
  "config.json",
  "metrics.jsonl",
  "receipt.json",
  "tensorboard",
  "checkpoints",
  "checkpoints/step-00000020",
  "checkpoints/step-00000030",
  "checkpoints/.step-00000030.tmp",
  "checkpoints/.step-00000010.old",
];

for (const name of ENTRIES) {
  Deno.test(`RunDirectory.open() refuses a link as ${name}, and changes nothing on either side`, async () => {
    await withHome(async (run, home) => {
      const link = join(run, name);
      for (const target of [home, join(home, "thesis"), join(home, "nowhere")]) {
        await Deno.remove(link, { recursive: true }).catch(() => {});
        await Deno.symlink(target, link);
        const before = contentOf(dirname(run));
        const { kind, message } = await refusal(run, RECORD);
        assert.equal(kind, "output");
        assert.equal(
          message,
          `Cannot write the run "${run}": "${link}" is a link, and links inside a run are never followed, put back ` +
            "what it leads to, or move the whole run there and link that",
        );
        assert.deepEqual(contentOf(dirname(run)), before);
      }
    });
  });
}

Deno.test("RunDirectory.open() goes on in a run that is a link as a whole", async () => {
  await withHome(async (run, home) => {
    const elsewhere = join(home, "scratch");
    await Deno.rename(run, elsewhere);
    await Deno.symlink(elsewhere, run);
    await inRun(run, RECORD, (opened) => {
      assert.equal(opened.checkpoint?.step, 20);
      return opened.writeCheckpoint({ step: 30, tensors: TENSORS });
    });
    assert.ok((await Deno.stat(join(elsewhere, "checkpoints/step-00000030"))).isDirectory);
  });
});

Deno.test("RunDirectory.open() refuses a directory where a file belongs, and the reverse, and a pipe", async () => {
  const cases: [name: string, make: (path: string) => Promise<unknown>, message: RegExp][] = [
    ["metrics.jsonl", Deno.mkdir, /wanted a file at ".*\/metrics\.jsonl", got a directory, move/],
    ["receipt.json", Deno.mkdir, /wanted a file at ".*\/receipt\.json", got a directory, move/],
    [
      "tensorboard",
      (path) => Deno.writeTextFile(path, ""),
      /wanted a directory at ".*\/tensorboard", got a file, move it away$/,
    ],
    [
      "checkpoints/step-00000030",
      (path) => Deno.writeTextFile(path, ""),
      /wanted a directory at ".*\/step-00000030", got a file, move it away$/,
    ],
    [
      "metrics.jsonl",
      (path) => new Deno.Command("mkfifo", { args: [path] }).output(),
      /wanted a file at ".*\/metrics\.jsonl", got a device or pipe, move it away$/,
    ],
  ];
  for (const [name, make, message] of cases) {
    await withHome(async (run) => {
      await Deno.remove(join(run, name), { recursive: true }).catch(() => {});
      await make(join(run, name));
      assert.match((await refusal(run, RECORD)).message, message);
    });
  }
});

Deno.test("RunDirectory.open() makes a run beside files that are none of its own, and leaves them", async () => {
  await withRun(async (run) => {
    const others = ["slurm-4711.out", ".gitkeep", "log.txt", "thesis.tex", "config.json.tmp-mine"];
    await Deno.mkdir(join(run, "lost+found"), { recursive: true });
    await Deno.mkdir(join(run, ".git/objects"), { recursive: true });
    for (const name of others) await Deno.writeTextFile(join(run, name), name);
    await inRun(run, RECORD, (opened) => opened.writeCheckpoint({ step: 10, tensors: TENSORS }));
    await Deno.writeTextFile(join(run, "checkpoints/.DS_Store"), "");
    await inRun(run, RECORD, (opened) => opened.writeCheckpoint({ step: 20, tensors: TENSORS }));
    for (const name of others) assert.equal(await Deno.readTextFile(join(run, name)), name);
    assert.ok((await Deno.stat(join(run, "lost+found"))).isDirectory);
    assert.ok((await Deno.stat(join(run, ".git/objects"))).isDirectory);
    assert.ok((await Deno.stat(join(run, "checkpoints/.DS_Store"))).isFile);
  });
});

Deno.test("RunDirectory.open() takes an empty folder or file of its own names for nothing", async () => {
  await withRun(async (run) => {
    await Deno.mkdir(join(run, "checkpoints"), { recursive: true });
    await Deno.writeTextFile(join(run, "metrics.jsonl"), "");
    assert.deepEqual(await inRun(run, RECORD), []);
  });
});

Deno.test("RunDirectory.open() refuses a directory that is something else", async () => {
  const cases: [file: string, what: string][] = [
    ["manifest.json", 'the directory holds shards ("manifest.json")'],
    ["model.safetensors", 'the directory holds an encoder ("model.safetensors")'],
    ["metrics.json", 'the directory holds a probe ("metrics.json")'],
    ["receipt.json", 'the directory has a "receipt.json", but no config.json of a run'],
    ["metrics.jsonl", 'the directory has a "metrics.jsonl", but no config.json of a run'],
    ["tensorboard/events", 'the directory has a "tensorboard", but no config.json of a run'],
    ["checkpoints/epoch.ckpt", 'the directory has a "checkpoints", but no config.json of a run'],
  ];
  for (const [file, what] of cases) {
    await withRun(async (run) => {
      await Deno.mkdir(dirname(join(run, file)), { recursive: true });
      await Deno.writeTextFile(join(run, file), "theirs");
      const { kind, message } = await refusal(run, RECORD);
      assert.deepEqual([kind, message], [
        "output",
        `Cannot write the run "${run}": ${what}, give another --out`,
      ]);
      assert.deepEqual(contentOf(run), { [file]: "theirs" });
    });
  }
});

Deno.test("RunDirectory.open() refuses a file, a link to nothing, a place below either, a name too long", async () => {
  await withRun(async (run) => {
    const folder = dirname(run), file = join(folder, "file"), link = join(folder, "link");
    await Deno.writeTextFile(file, "");
    await Deno.symlink(join(folder, "nowhere"), link);
    const messageOf = async (path: string) => {
      const { kind, message } = await refusal(path, RECORD);
      assert.equal(kind, "output");
      return message;
    };
    const start = (path: string) => `Cannot write the run "${path}": it is `;
    assert.equal(await messageOf(file), `${start(file)}a file, give another --out`);
    assert.equal(
      await messageOf(link),
      `${start(link)}a link that leads to no directory, give another --out`,
    );
    for (const place of [join(file, "run"), join(link, "run"), join(folder, "x".repeat(300))]) {
      assert.ok((await messageOf(place)).startsWith(`Cannot write "${place}": `));
    }
    assert.deepEqual(contentOf(folder), { file: "", link: `-> ${join(folder, "nowhere")}` });
  });
});
