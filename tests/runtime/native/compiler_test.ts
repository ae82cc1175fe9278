import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../../lib/failure.ts";
import { createRuntime } from "../../../lib/runtime/mod.ts";
import { compileLibrary, findCompiler } from "../../../lib/runtime/native/compiler.ts";
import { withFolder } from "../../folder.ts";
import { NATIVE, testOn } from "../../runtimes.ts";
import { describedRuntime } from "./described.ts";

/** A program in a folder that does what a script says. */
async function program(folder: string, script: string): Promise<string> {
  const path = join(folder, "cc");
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

/** Why a compiler cannot be used. */
async function troubleWith(
  command: string,
  options: Omit<Parameters<typeof findCompiler>[0], "command"> = {},
): Promise<string> {
  const found = findCompiler({ command, ...options });
  const error = await found.then(() => assert.fail(`"${command}" can be used`), (error) => error);
  assert.ok(error instanceof Failure, String(error));
  assert.equal(error.kind, "unavailable");
  assert.ok(error.message.endsWith("use --runtime onnx"), error.message);
  return error.reason.replace("Cannot compile for this machine: ", "");
}

Deno.test("findCompiler() says what is wrong where there is none, or it is something else", () =>
  withFolder(async (folder) => {
    assert.equal(
      await troubleWith("no-such-compiler"),
      'wanted a C compiler as "no-such-compiler", got none',
    );
    const broken = await program(folder, "echo first >&2\necho second >&2\nexit 3");
    assert.equal(await troubleWith(broken), `"${broken}" failed (first)`);
    await Deno.chmod(broken, 0o644);
    assert.match(await troubleWith(broken), /" does not start \(.*ermission denied.*\)$/);
  }));

Deno.test("findCompiler() does not wait for ever, also where a child holds what it prints to", () =>
  withFolder(async (folder) => {
    const slow = await program(folder, "sleep 20\necho late");
    const begin = performance.now();
    assert.equal(
      await troubleWith(slow, { timeoutSeconds: 0.2 }),
      `"${slow}" gave no answer within 0.2 seconds`,
    );
    const child = await program(folder, "sleep 20 &");
    assert.match(await troubleWith(child, { timeoutSeconds: 0.2 }), /no answer/);
    assert.ok(performance.now() - begin < 15_000);
  }));

Deno.test("findCompiler() says what a processor has not", () =>
  withFolder(async (folder) => {
    const plain = await program(folder, 'echo "#define __x86_64__ 1"');
    assert.equal(await troubleWith(plain, { target: "avx512" }), "the processor has no AVX512F");
    const { flags } = await findCompiler({ command: plain });
    assert.ok(flags.includes("-march=native"));
    assert.ok(!flags.some((flag) => flag.startsWith("-mprefer-vector-width")));
  }));

Deno.test("findCompiler() names the machine as the compiler understands it, whatever else it prints", () =>
  withFolder(async (folder) => {
    const other = await program(
      folder,
      'echo "cannot set the locale" >&2\ncase "$*" in *-march=*) exit 1;; esac\necho "#define __clang__ 1"',
    );
    const { flags, version } = await findCompiler({ command: other });
    assert.ok(flags.includes("-mcpu=native") && !flags.includes("-march=native"), flags.join());
    assert.ok(!flags.some((flag) => flag.startsWith("--param")), "those are of GCC");
    assert.equal(version, "#define __clang__ 1");
  }));

testOn(NATIVE, "compileLibrary() says what the compiler says", () =>
  withFolder(async (folder) => {
    const compiler = await findCompiler();
    await assert.rejects(
      compileLibrary(
        compiler,
        new Map([["answer.c", "int answer(void) { return unknown; }\n"]]),
        folder,
      ),
      /unknown/,
    );
  }));

Deno.test("without a compiler the runtime is onnx, and native says what is missing", () =>
  withFolder(async (empty) => {
    const env = { PATH: empty };
    // And Deno itself says nothing of it.
    assert.match(
      await describedRuntime("auto", { env }),
      /^onnx: ONNX Runtime .+ \(Cannot compile for this machine: wanted a C compiler as "cc", got none\)$/,
    );
    assert.equal(
      await describedRuntime("native", { env }),
      'Cannot compile for this machine: wanted a C compiler as "cc", got none, install gcc or clang, or use --runtime onnx',
    );
  }));

Deno.test("with a compiler that fails the runtime is onnx, and says why", () =>
  withFolder(async (folder) => {
    await program(folder, 'case "$*" in *--version*|*-dM*) echo broken;; *) exit 1;; esac');
    assert.match(
      await describedRuntime("auto", { env: { PATH: folder } }),
      /^onnx: ONNX Runtime .+ \(Cannot compile for this machine: "cc" failed\)$/,
    );
    await program(
      folder,
      'case "$*" in *--version*|*-dM*) ;; *) echo "no space" >&2; exit 1;; esac',
    );
    assert.equal(
      await describedRuntime("native", { env: { PATH: folder } }),
      'Cannot compile for this machine: "cc" failed, use --runtime onnx; it says:\nno space',
    );
  }));

testOn(
  NATIVE,
  "the runtime names the compiler, also where variables of the loader are set",
  async () => {
    const variables = { LD_LIBRARY_PATH: "/nowhere", LD_RUN_PATH: "/nowhere", LD_ANYTHING: "1" };
    for (const env of [{}, variables]) {
      assert.match(
        await describedRuntime("auto", { env }),
        /^native: compiled for this machine by .+, 1 thread$/,
      );
    }
  },
);

Deno.test("createRuntime() passes on what is wrong with a compiler", async () => {
  await assert.rejects(createRuntime("native", { compiler: "no-such-compiler" }), {
    kind: "unavailable",
    reason: 'Cannot compile for this machine: wanted a C compiler as "no-such-compiler", got none',
  });
});
