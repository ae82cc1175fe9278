/**
 * What SECURITY.md promises of every stage, seen from outside: no socket, no program but the C compiler, and no file but
 * inputs, outputs, caches, the temporary folder and what belongs to the system.
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { withFolder } from "../folder.ts";
import { idxFile } from "../formats/idx_files.ts";
import { ROOT, stageArguments, type TaskName } from "../run_stage.ts";
import { isAllowed, type Surroundings } from "./places.ts";
import {
  accessesOf,
  programsOf,
  readCalls,
  socketsOf,
  type SystemCall,
  textOf,
  WATCHED,
} from "./system_calls.ts";

/** The whole chain at toy size, and ONNX Runtime in all that can have it; paths are relative to the work folder. */
const CHAIN: readonly (readonly [TaskName, string])[] = [
  ["scenes", "--out scenes --count 24 --size 32"],
  ["idx", "--images few-images-idx3-ubyte --labels few-labels-idx1-ubyte --out few"],
  ["shard", "--images pictures --out pictures-shards --shorter-side 16"],
  ["shard", "--images scenes --out shards --holdout 0.3"],
  ["masks", "--out masks.html --preset smoke --steps 2"],
  ["pretrain", "--shards shards --out run --preset smoke --steps 3"],
  ["pretrain", "--shards shards --out run-onnx --preset smoke --steps 3 --runtime onnx"],
  ["checkpoint", "--run run --out encoder"],
  ["features", "--encoder encoder --shards shards --out train.arrow"],
  ["features", "--encoder encoder --shards shards --split test --out test.arrow --runtime onnx"],
  ["probe", "--train train.arrow --test test.arrow --out probe"],
  ["probe", "--train train.arrow --test test.arrow --out probe-onnx --runtime onnx"],
  ["compare", "--probes a=probe --probes b=probe-onnx --out table.md"],
];

async function runs(command: readonly [string, ...string[]]): Promise<boolean> {
  const [program, ...args] = command;
  try {
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(program, options).output()).success;
  } catch {
    return false; // There is no such program.
  }
}

/** How a process gets a network of its own in which nobody can be reached; nothing where that is not allowed. */
async function isolation(): Promise<readonly string[] | undefined> {
  for (const flags of ["-n", "-rn"]) {
    if (await runs(["unshare", flags, "true"])) return ["unshare", flags];
  }
  return undefined;
}

async function denoCache(): Promise<string> {
  const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return (JSON.parse(new TextDecoder().decode(info.stdout)) as { denoDir: string }).denoDir;
}

/** The folders of `cc`, and what they are installed in where that is not the whole system. */
async function compilerFolders(): Promise<readonly string[]> {
  const folders: string[] = [];
  for (const folder of (Deno.env.get("PATH") ?? "").split(":").filter((path) => path !== "")) {
    const real = await Deno.realPath(join(folder, "cc")).catch(() => undefined);
    if (real === undefined) continue;
    const prefix = dirname(dirname(real));
    folders.push(folder, dirname(real), ...["/", "/usr"].includes(prefix) ? [] : [prefix]);
  }
  return folders;
}

interface Watching {
  /** Commands to put in front. */
  readonly isolated: readonly string[];
  readonly traced: boolean;
  readonly around: Surroundings;
}

/** Runs Deno in the work folder and returns what it and its children called. */
async function callsOf(
  args: readonly string[],
  { isolated, traced, around: { work, home, denoCache } }: Watching,
): Promise<SystemCall[]> {
  const logs = await Deno.makeTempDir({ dir: work, prefix: "calls-" });
  const trace = [
    "strace",
    "-ff",
    "-qq",
    "-y",
    "-e",
    `trace=${WATCHED}`,
    "-o",
    join(logs, "thread"),
  ];
  const [program, ...rest] = [...isolated, ...traced ? trace : [], Deno.execPath(), ...args];
  const { code, stderr } = await new Deno.Command(program!, {
    args: rest,
    cwd: work,
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      NO_COLOR: "1",
      HOME: home,
      TMPDIR: join(work, "temporary"),
      DENO_DIR: denoCache,
    },
    stdin: "null",
  }).output();
  assert.equal(code, 0, `${args.join(" ")}\n${new TextDecoder().decode(stderr)}`);
  const calls = await readCalls(logs);
  await Deno.remove(logs, { recursive: true });
  return calls;
}

/** What no stage may do, one a line. */
function offencesOf(calls: readonly SystemCall[], { around }: Watching, compiles: boolean) {
  const programs = programsOf(calls, around.work).filter((path) =>
    path !== Deno.execPath() && !(compiles && isCompiler(path))
  );
  const accesses = accessesOf(calls, around.work).filter((access) => !isAllowed(access, around));
  const said = [...socketsOf(calls), ...accesses.map(({ call }) => call)].map(textOf);
  return [...new Set(said), ...programs.map((path) => `starts ${path}`)];
}

/** `cc`, and what it starts itself. */
function isCompiler(path: string): boolean {
  return /\/(cc|cc1|as|collect2|ld(\.\w+)?|lto-wrapper|gcc(-\d+)?|clang(-\d+)?|[\w-]+-(gcc|as|ld)(-\d+)?)$/
    .test(path);
}

const ISOLATED = await isolation();
const TRACED = await runs(["strace", "-qq", "-e", "trace=execve", "-o", "/dev/null", "true"]);

/** A picture of each format, since each has a decoder of its own, one of them with colours that need a profile. */
async function writePictures(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const create = { width: 24, height: 20, channels: 3, background: "#c63" } as const;
  for (const format of ["jpeg", "png", "webp", "gif", "tiff", "avif"] as const) {
    await sharp({ create }).toFormat(format).toFile(join(folder, `picture.${format}`));
  }
  await sharp({ create }).toColourspace("cmyk").withIccProfile("cmyk").jpeg()
    .toFile(join(folder, "printed.jpeg"));
}

/** Two pictures of 2 x 2 and their labels, as MNIST has them. */
async function writeIdxPair(folder: string): Promise<void> {
  const values = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  await Deno.writeFile(join(folder, "few-images-idx3-ubyte"), idxFile([2, 2, 2], values));
  await Deno.writeFile(join(folder, "few-labels-idx1-ubyte"), idxFile([2], values.subarray(0, 2)));
}

/** Calls `body` with empty folders, or says why nothing can be seen here. */
async function watch(body: (watching: Watching) => Promise<void>): Promise<void> {
  if (!TRACED) console.log("skipped in part: there is no strace here, which sees each call");
  if (ISOLATED === undefined) {
    console.log("skipped in part: unshare may not make a network without anybody in it");
    if (!TRACED) return;
  }
  await withFolder(async (folder) => {
    const work = await Deno.realPath(folder);
    const around = {
      work,
      home: join(work, "home"),
      denoCache: await denoCache(),
      compiler: await compilerFolders(),
    };
    await Deno.mkdir(around.home);
    await writePictures(join(work, "pictures"));
    await writeIdxPair(work);
    await Deno.mkdir(join(work, "temporary"));
    await body({ isolated: ISOLATED ?? [], traced: TRACED, around });
  });
}

Deno.test("stages open no socket and no foreign file", async () => {
  await watch(async (watching) => {
    const offences: string[] = [];
    for (const [stage, flags] of CHAIN) {
      const args = [...stageArguments(stage), ...flags.split(" ")];
      const calls = await callsOf(args, watching);
      assert.equal(calls.length > 100, watching.traced, `${stage}: ${calls.length} calls seen`);
      const compiles = args.some((arg) => arg.startsWith("--allow-run="));
      offences.push(...offencesOf(calls, watching, compiles).map((text) => `${stage}: ${text}`));
    }
    assert.deepEqual(offences, []);
    const left = await Array.fromAsync(Deno.readDir(join(watching.around.work, "temporary")));
    assert.deepEqual(left.map(({ name }) => name), [], "left in the temporary folder");
  });
});

Deno.test("a socket, a foreign file and a foreign program are seen", async () => {
  await watch(async (watching) => {
    if (!watching.traced) return;
    const { work, home } = watching.around;
    const program = `Deno.readTextFileSync("/etc/passwd");
      Deno.writeTextFileSync(${JSON.stringify(join(home, "queue.db"))}, "");
      await Deno.connect({ hostname: "127.0.0.1", port: 9 }).catch(() => {});
      await new Deno.Command("/bin/true").output();`;
    await Deno.writeTextFile(join(work, "program.ts"), program);
    const calls = await callsOf(["run", "-A", join(work, "program.ts")], watching);
    const seen = offencesOf(calls, watching, true).join("\n");
    for (
      const each of [
        /"\/etc\/passwd"/,
        /home\/queue\.db"/,
        /^connect\(.*127\.0\.0\.1/m,
        /^starts .*true$/m,
      ]
    ) {
      assert.match(seen, each);
    }
  });
});

Deno.test("ONNX Runtime is not loaded where its telemetry may not be turned off", async () => {
  await withFolder(async (folder) => {
    const program = join(folder, "program.ts");
    const library = JSON.stringify(`file://${ROOT}lib/runtime/onnxruntime.ts`);
    await Deno.writeTextFile(
      program,
      `const { OnnxRuntimeLibrary } = await import(${library});
       try { new OnnxRuntimeLibrary(); } catch ({ kind, message }) { console.log(kind, message); }`,
    );
    const args = ["run", "--no-prompt", "--allow-read", "--allow-ffi", `--config=${ROOT}deno.json`];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: [...args, program] })
      .output();
    assert.match(
      new TextDecoder().decode(stdout),
      /^unavailable Cannot load ONNX Runtime from ".+": it sends telemetry unless ORT_DISABLE_TELEMETRY is set, which needs a permission, add --allow-env=ORT_DISABLE_TELEMETRY to the flags of deno\n$/,
    );
  });
});
