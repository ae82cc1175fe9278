import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type ArtifactSpec,
  makeArtifact,
  type Receipt,
  receiptPath,
} from "../../lib/artifact/mod.ts";
import { Failure } from "../../lib/failure.ts";
import { sha256 } from "../../lib/files/mod.ts";
import { withFolder } from "../folder.ts";
import { tool } from "../tools.ts";
import { directorySpec, fileSpec, neverBuild, writeText } from "./pressed.ts";

async function writePages(path: string): Promise<object> {
  await Deno.mkdir(join(path, "pages"));
  await Deno.writeTextFile(join(path, "pages/b"), "bb");
  await Deno.writeTextFile(join(path, "a"), "a");
  return { pages: 2 };
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

async function readReceipt(spec: ArtifactSpec): Promise<Receipt> {
  return JSON.parse(await Deno.readTextFile(receiptPath(spec.path, spec.kind)));
}

Deno.test("makeArtifact() lands a file and its receipt, and nothing else", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder);
    const outcome = await makeArtifact(spec, writeText);
    assert.deepEqual(outcome, { stage: "press", out: spec.path, status: "done", words: 1 });
    assert.deepEqual(namesIn(folder), ["out.bin", "out.bin.receipt.json"]);
    const { key, seconds, finished, ...receipt } = await readReceipt(spec);
    assert.match(key, /^[0-9a-f]{64}$/);
    assert.ok(seconds >= 0 && Date.parse(finished) <= Date.now());
    assert.deepEqual(receipt, {
      stage: "press",
      version: "1.2.3",
      path: spec.path,
      config: { pages: 2 },
      inputs: [{ path: "in", sha256: "abc" }],
      output: { files: 1, bytes: 4, sha256: sha256("text") },
      summary: { words: 1 },
    });
  }));

Deno.test("makeArtifact() lands a directory with a hash that sha256sum can repeat", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writePages);
    assert.deepEqual(namesIn(folder), ["out"]);
    assert.deepEqual(namesIn(spec.path), ["a", "pages", "receipt.json"]);
    const { output } = await readReceipt(spec);
    const listing = `${sha256("a")}  a\n${sha256("bb")}  pages/b\n`;
    const contents = [
      { path: "a", bytes: 1, sha256: sha256("a") },
      { path: "pages/b", bytes: 2, sha256: sha256("bb") },
    ];
    assert.deepEqual(output, { files: 2, bytes: 3, sha256: sha256(listing), contents });
  }));

for (
  const [kind, makeSpec, build] of [
    ["file", fileSpec, writeText],
    ["directory", directorySpec, writePages],
  ] as const
) {
  Deno.test(`makeArtifact() leaves a ${kind} alone that is up to date, to the byte and the minute`, () =>
    withFolder(async (folder) => {
      const spec = makeSpec(folder);
      const { status, ...made } = await makeArtifact(spec, build);
      assert.equal(status, "done");
      const before = await Deno.stat(receiptPath(spec.path, kind));
      const again = await makeArtifact(spec, neverBuild);
      assert.deepEqual(again, { ...made, status: "up to date" });
      const after = await Deno.stat(receiptPath(spec.path, kind));
      assert.deepEqual(after.mtime, before.mtime);
    }));

  Deno.test(`makeArtifact() refuses to replace a ${kind} made from something else, and does with force`, () =>
    withFolder(async (folder) => {
      const spec = makeSpec(folder);
      await makeArtifact(spec, build);
      const other = makeSpec(folder, { config: { pages: 3 } });
      await assert.rejects(
        makeArtifact(other, neverBuild),
        new Failure(
          "output",
          `Cannot write "${spec.path}": it was made from other inputs or settings, ` +
            `pass --force to replace it or give another --out`,
        ),
      );
      await makeArtifact({ ...other, force: true }, build);
      assert.deepEqual((await readReceipt(other)).config, { pages: 3 });
      assert.equal((await makeArtifact(other, neverBuild)).status, "up to date");
    }));

  Deno.test(`makeArtifact() never replaces a ${kind} that another command made, force or not`, () =>
    withFolder(async (folder) => {
      const spec = makeSpec(folder, { force: true });
      await makeArtifact(spec, build);
      await assert.rejects(
        makeArtifact({ ...spec, stage: "scan" }, neverBuild),
        new Failure(
          "output",
          `Cannot write "${spec.path}": it was made by "press", ` +
            `give another --out or remove it yourself`,
        ),
      );
    }));

  Deno.test(`makeArtifact() leaves no half ${kind} and no temporary when the work fails`, () =>
    withFolder(async (folder) => {
      const spec = makeSpec(folder);
      const failing = async (path: string) => {
        await build(path);
        throw new Failure("data", "Cannot go on");
      };
      await assert.rejects(makeArtifact(spec, failing), new Failure("data", "Cannot go on"));
      assert.deepEqual(namesIn(folder), []);

      await makeArtifact(spec, build);
      const forced = { ...spec, config: { pages: 9 }, force: true };
      await assert.rejects(makeArtifact(forced, failing), new Failure("data", "Cannot go on"));
      assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
    }));

  Deno.test(`makeArtifact() clears what a killed run left of a ${kind}`, () =>
    withFolder(async (folder) => {
      const spec = makeSpec(folder);
      const name = spec.path.slice(folder.length + 1);
      await Deno.mkdir(join(folder, `.${name}.tmp-12345/inside`), { recursive: true });
      await Deno.mkdir(join(folder, `.${name}.tmp-12345-former`));
      await Deno.writeTextFile(join(folder, `.${name}.lock`), "process 12345\n");
      await Deno.writeTextFile(join(folder, ".other.tmp-1"), "not ours");
      await makeArtifact(spec, build);
      assert.ok(namesIn(folder).every((entry) => !entry.startsWith(`.${name}.`)));
      assert.ok(namesIn(folder).includes(".other.tmp-1"));
    }));
}

Deno.test("makeArtifact() never removes a directory that it did not make, force or not", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder, { force: true });
    await Deno.mkdir(spec.path);
    await Deno.writeTextFile(join(spec.path, "thesis.txt"), "precious");
    await assert.rejects(
      makeArtifact(spec, neverBuild),
      new Failure(
        "output",
        `Cannot write "${spec.path}": it exists and was not made by this command, ` +
          `give another --out or remove it yourself`,
      ),
    );
    assert.equal(await Deno.readTextFile(join(spec.path, "thesis.txt")), "precious");
  }));

Deno.test("makeArtifact() never replaces a file that it did not make, force or not", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder);
    await Deno.writeTextFile(spec.path, "other");
    for (const force of [false, true]) {
      await assert.rejects(makeArtifact({ ...spec, force }, neverBuild), {
        message: `Cannot write "${spec.path}": it exists and was not made by this command, ` +
          "give another --out or remove it yourself",
      });
    }
    assert.equal(await Deno.readTextFile(spec.path), "other");
  }));

Deno.test("makeArtifact() takes an empty directory for nothing", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await Deno.mkdir(spec.path);
    assert.equal((await makeArtifact(spec, writePages)).status, "done");
  }));

Deno.test("makeArtifact() makes the folders above its output", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder, { path: join(folder, "a/b/out.bin") });
    await makeArtifact(spec, writeText);
    assert.deepEqual(namesIn(join(folder, "a/b")), ["out.bin", "out.bin.receipt.json"]);
  }));

Deno.test("makeArtifact() makes an artefact again that lost a file or the end of one", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    await makeArtifact(spec, writePages);
    for (
      const damage of [
        () => Deno.remove(join(spec.path, "a")),
        () => Deno.truncate(join(spec.path, "pages/b"), 1),
      ]
    ) {
      await damage();
      assert.equal((await makeArtifact(spec, writePages)).status, "done");
      assert.equal((await makeArtifact(spec, neverBuild)).status, "up to date");
    }
  }));

Deno.test("makeArtifact() writes where a link points to", () =>
  withFolder(async (folder) => {
    const far = join(folder, "far");
    await Deno.mkdir(far);
    await Deno.symlink(far, join(folder, "out"));
    await makeArtifact(directorySpec(folder), writePages);
    assert.ok((await Deno.lstat(join(folder, "out"))).isSymlink);
    assert.deepEqual(namesIn(far), ["a", "pages", "receipt.json"]);
  }));

Deno.test("makeArtifact() lets one process write an output at a time", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder);
    const begun = Promise.withResolvers<void>(), gate = Promise.withResolvers<void>();
    const first = makeArtifact(spec, async (path) => {
      begun.resolve();
      await gate.promise;
      return writeText(path);
    });
    await begun.promise;
    await assert.rejects(
      makeArtifact(spec, neverBuild),
      new Failure(
        "output",
        `Cannot write "${spec.path}": another process (process ${Deno.pid}) is working on it, ` +
          `wait for it to end or give another --out`,
      ),
    );
    gate.resolve();
    assert.equal((await first).status, "done");
  }));

Deno.test("makeArtifact() says in words that the disk is full", () =>
  withFolder(async (folder) => {
    const spec = fileSpec(folder);
    const full = () =>
      Promise.reject(Object.assign(new Error("No space left on device (os error 28)"), {
        code: "ENOSPC",
      }));
    await assert.rejects(
      makeArtifact(spec, full),
      new Failure(
        "output",
        `Cannot write "${spec.path}": the disk is full, free some space and run the command again`,
      ),
    );
    assert.deepEqual(namesIn(folder), []);
  }));

Deno.test("makeArtifact() leaves no temporary when the work fails while files are still being written", () =>
  withFolder(async (folder) => {
    let writes: Promise<void>[] = [];
    const build = (path: string): Promise<object> => {
      // They are on their way on other threads while this one removes what is there.
      const names = Array.from({ length: 2000 }, (_, i) => join(path, `${i}`));
      writes = names.map((name) => Deno.writeTextFile(name, "").catch(() => {}));
      throw new Failure("data", "Cannot go on");
    };
    const attempt = makeArtifact(directorySpec(folder), build);
    await assert.rejects(attempt, new Failure("data", "Cannot go on"));
    await Promise.all(writes);
    assert.deepEqual(namesIn(folder), []);
  }));

Deno.test("a temporary that cannot be removed is named in its lock, and removed by the next call", () =>
  withFolder(async (folder) => {
    const spec = directorySpec(folder);
    let mounted: string | undefined;
    const build = async (path: string): Promise<object> => {
      await Deno.mkdir(join(path, "busy"));
      mounted = await tool("mount", ["-t", "tmpfs", "tmpfs", join(path, "busy")]);
      throw new Failure("data", "Cannot go on");
    };
    await assert.rejects(makeArtifact(spec, build), new Failure("data", "Cannot go on"));
    if (mounted === undefined) return;
    const temporary = `.out.tmp-${Deno.pid}`;
    assert.deepEqual(namesIn(folder), [".out.lock", temporary]);
    await tool("umount", [join(folder, temporary, "out/busy")]);
    await makeArtifact(spec, writePages);
    assert.deepEqual(namesIn(folder), ["out"]);
  }));
