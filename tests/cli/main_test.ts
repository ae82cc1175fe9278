import assert from "node:assert/strict";
import { join } from "node:path";
import { withFolder } from "../folder.ts";
import { ROOT } from "../run_stage.ts";
import { tool } from "../tools.ts";

function spawn(script: "press" | "weave", ...flags: string[]): Deno.ChildProcess {
  const path = join(ROOT, `tests/cli/${script}.ts`);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-write", path, ...flags],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function press(...flags: string[]): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await spawn("press", ...flags).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("main() prints one JSON line on stdout and people's text on stderr, exit 0", () =>
  withFolder(async (folder) => {
    const path = join(folder, "page");
    const line = { stage: "press", out: path, status: "done", pages: 1 };
    const first = await press("--out", path);
    assert.deepEqual(first, {
      code: 0,
      out: JSON.stringify(line) + "\n",
      err: "press: pressing\n",
    });
    const again = await press("--out", path);
    assert.deepEqual(again, {
      code: 0,
      out: JSON.stringify({ ...line, status: "up to date" }) + "\n",
      err: `press: "${path}" is up to date\n`,
    });
  }));

Deno.test("main() prints help from the flag table, exit 0, wherever --help stands", async () => {
  const { code, out, err } = await press("--out", "x", "--help");
  assert.deepEqual({ code, err }, { code: 0, err: "" });
  assert.equal(
    out,
    `press: presses a file

Flags:
  --out FILE             file to make (required)
  --fail KIND            kind of failure, bug, or read
  --wait-seconds NUMBER  time before the file is written (default 0)

More about pages.

Examples:
  deno task press --out page

Exit codes: 0 done or up to date, 1 unexpected, 2 usage or configuration, 3 training collapsed,
  65 bad data, 66 input missing, 69 runtime not available, 73 cannot write the output,
  75 stopped cleanly (run again to go on), 129 hung up, 130 interrupted, 143 terminated
`,
  );
  assert.equal((await press("-h")).out, out);
});

for (
  const [kind, wanted] of Object.entries({
    collapsed: 3,
    data: 65,
    missing: 66,
    unavailable: 69,
    output: 73,
    stopped: 75,
  })
) {
  Deno.test(`main() exits ${wanted} for a failure of kind ${kind}, with its sentence alone`, async () => {
    const result = await press("--out", "x", "--fail", kind);
    assert.deepEqual(result, { code: wanted, out: "", err: "press: Cannot press: no ink\n" });
  });
}

Deno.test("main() has a sentence for any error of the system", () =>
  withFolder(async (folder) => {
    assert.deepEqual(await press("--out", folder, "--fail", "read"), {
      code: 66,
      out: "",
      err: `press: Cannot go on: "${folder}" cannot be used: it is a directory\n`,
    });
  }));

Deno.test("main() exits 2 for wrong usage and says where help is", async () => {
  assert.deepEqual(await press("--uot", "x"), {
    code: 2,
    out: "",
    err: 'press: Cannot read the command line: unknown flag "--uot", did you mean "--out"?\n' +
      'Run "deno task press --help" for the flags and examples.\n',
  });
});

Deno.test("main() prints foreign text as data: one line without controls, of limited length", () =>
  withFolder(async (folder) => {
    const name = "a\x1b[2J\nforged: line\u202e\x9b";
    const path = join(folder, name);
    await press("--out", path);
    const { code, out, err } = await press("--out", path);
    assert.equal(code, 0);
    const shown = `${folder}/a\\x1b[2J\\nforged: line\\u202e\\x9b`;
    assert.equal(err, `press: "${shown}" is up to date\n`);
    assert.doesNotMatch(out, /(?!\n)[\p{Cc}\p{Cf}]/u);
    assert.equal(JSON.parse(out).out, path);

    const long = await press("--" + "x".repeat(100_000));
    assert.equal(long.code, 2);
    assert.match(long.err, /^press: Cannot read the command line: unknown flag "--x+ \[\.\.\.\] /);
    assert.ok(long.err.length < 2200, `${long.err.length} characters`);
  }));

Deno.test("main() exits 1 for a bug, with its stack", async () => {
  const { code, out, err } = await press("--out", "x", "--fail", "bug");
  assert.deepEqual({ code, out }, { code: 1, out: "" });
  assert.match(err, /^press: unexpected error: page is not a function\n/);
  assert.match(err, /at press \(.*press\.ts:\d+/);
});

for (const [signal, wanted] of [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`main() exits ${wanted} on ${signal} and leaves nothing half-written`, () =>
    withFolder(async (folder) => {
      const child = spawn("press", "--out", join(folder, "page"), "--wait-seconds", "60");
      const stderr = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
      assert.equal((await stderr.read()).value, "press: pressing\n");
      child.kill(signal);
      const { code } = await child.status;
      await stderr.cancel();
      await child.stdout.cancel();
      assert.equal(code, wanted);
      assert.deepEqual([...Deno.readDirSync(folder)], []);
    }));
}

/** Starts weave, sends a signal at the given times, and gives back the exit code and the lines on stderr. */
async function stopWeaving(
  safePointSeconds: number,
  { atSeconds, signal = "SIGTERM" }: {
    readonly atSeconds: readonly number[];
    readonly signal?: Deno.Signal;
  },
): Promise<{ code: number; lines: string[] }> {
  const child = spawn("weave", "--seconds", `${safePointSeconds}`);
  const stderr = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await stderr.read()).value ?? "";
  const timers = atSeconds.map((at) => setTimeout(() => child.kill(signal), at * 1000));
  const { code } = await child.status;
  for (const timer of timers) clearTimeout(timer);
  for (let next = await stderr.read(); !next.done; next = await stderr.read()) text += next.value;
  await child.stdout.cancel();
  return { code, lines: text.trimEnd().split("\n") };
}

Deno.test("main() tells a stage that stops cleanly, which then exits 75; a signal passed on twice is one", async () => {
  const { code, lines } = await stopWeaving(0.3, { atSeconds: [0, 0.1] });
  assert.equal(code, 75);
  assert.match(lines.shift()!, /^weave: weaving 25%, 1\/4 rows, .* rows\/s, ETA \S+, warp 3$/);
  assert.deepEqual(lines, [
    "weave: SIGTERM: stopping at the next safe point; once more to end at once",
    "weave: Stopped after 1 of 4 rows, give the same command again to go on",
  ]);
});

Deno.test("main() ends at once when it is told a second time", async () => {
  const { code } = await stopWeaving(60, { atSeconds: [0, 1.2] });
  assert.equal(code, 143);
});

Deno.test("main() takes a hangup for a stop, and further ones for the same", async () => {
  const { code, lines } = await stopWeaving(1.4, { atSeconds: [0, 0.1, 1.2], signal: "SIGHUP" });
  assert.equal(code, 75);
  assert.deepEqual(lines.slice(1), [
    "weave: SIGHUP: stopping at the next safe point",
    "weave: Stopped after 1 of 4 rows, give the same command again to go on",
  ]);
});

/** Runs press by a shell that redirects its streams. */
async function pressWith(
  redirection: string,
  path: string,
): Promise<{ code: number; err: string }> {
  const script = join(ROOT, "tests/cli/press.ts");
  const command =
    `exec "$0" run --no-prompt --allow-read --allow-write "$1" --out "$2" ${redirection}`;
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", command, Deno.execPath(), script, path],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, err: new TextDecoder().decode(stderr) };
}

Deno.test("main() ends with the code of the work when nobody can read what it prints", () =>
  withFolder(async (folder) => {
    for (const [index, redirection] of ["2>/dev/full", "2>&-", ">&- 2>&-"].entries()) {
      const path = join(folder, `page-${index}`);
      assert.equal((await pressWith(redirection, path)).code, 0, redirection);
      assert.ok((await Deno.stat(path)).isFile);
    }
  }));

Deno.test("main() says that the result could not be printed, though the work is done", () =>
  withFolder(async (folder) => {
    const path = join(folder, "page");
    assert.deepEqual(await pressWith(">/dev/full", path), {
      code: 73,
      err: "press: pressing\n" +
        "press: Cannot print the result: the disk is full; the work itself is done\n",
    });
    assert.ok((await Deno.stat(path)).isFile);
  }));

Deno.test("main() says in one line that its help could not be printed", () =>
  withFolder(async (folder) => {
    assert.deepEqual(await pressWith("--help >/dev/full", join(folder, "page")), {
      code: 73,
      err: "press: Cannot print the help: the disk is full\n",
    });
  }));

Deno.test("main() says that a file is larger than the limit of the shell, and leaves nothing", () =>
  withFolder(async (folder) => {
    const path = join(folder, "page");
    const child = spawn("press", "--out", path, "--wait-seconds", "2");
    const stderr = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await stderr.read()).value, "press: pressing\n");
    // Now, as `ulimit -f` before would strike Deno's own cache.
    const limited = await tool("prlimit", ["--pid", `${child.pid}`, "--fsize=0"]);
    const { value } = await stderr.read();
    const { code } = await child.status;
    await child.stdout.cancel();
    await stderr.cancel();
    if (limited === undefined) return;
    assert.deepEqual([code, value], [
      73,
      `press: Cannot write "${path}": the file would be larger than the system allows, ` +
      "raise ulimit -f or give another --out\n",
    ]);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("main() lives on when its terminal goes away", () =>
  withFolder(async (folder) => {
    const log = join(folder, "code");
    const deno = `"${Deno.execPath()}" run --no-prompt "${join(ROOT, "tests/cli/weave.ts")}"`;
    // As a login shell does, this one passes the hangup on, and outlives it to note the exit code.
    const shell =
      `trap 'kill -HUP $!' HUP; ${deno} --seconds 0.5 & wait $!; wait $!; echo $? >"${log}"`;
    let terminal: Deno.ChildProcess;
    try {
      terminal = new Deno.Command("script", {
        args: ["-qfec", shell, "/dev/null"],
        env: { NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
      }).spawn();
    } catch (error) {
      return console.log(`skipped: no terminal to be had (${error})`);
    }
    const reader = terminal.stdout.pipeThrough(new TextDecoderStream()).getReader();
    // Deno itself may have something to say before the stage is there.
    for (let said = ""; !said.includes("weaving");) {
      const { done, value } = await reader.read();
      if (done) return console.log("skipped: no terminal to be had");
      said += value;
    }
    terminal.kill("SIGKILL"); // Its terminal goes with it: every word to stderr gives EIO from now on.
    await terminal.status;
    await reader.cancel();
    for (let tries = 0; !await Deno.readTextFile(log).catch(() => ""); tries++) {
      assert.ok(tries < 1000, "the stage did not end");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(await Deno.readTextFile(log), "75\n");
  }));
