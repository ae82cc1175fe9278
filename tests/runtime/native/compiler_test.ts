import assert from "node:assert/strict";
import { join } from "node:path";
import { compiledLibrary, findCompiler } from "../../../lib/runtime/native/compiler.ts";
import { Failure } from "../../../lib/failure.ts";

/** What a runtime says of itself where programs are looked for in a folder alone. */
async function describe(runtime: string, folder: string): Promise<string> {
  const script = new URL("describe_runtime.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "-A", script, runtime],
    env: { PATH: folder },
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

const unique = () => `const char name[] = "${crypto.randomUUID()}";\n`;

Deno.test("findCompiler() finds none where there is none, or where it is something else", async () => {
  assert.equal(await findCompiler("no-such-compiler"), undefined);
  assert.equal(await findCompiler("false"), undefined);
});

Deno.test("compiledLibrary() compiles a source once, also when two ask for it at the same time", async () => {
  const compiler = (await findCompiler())!, source = `${unique()}int answer(void) { return 42; }\n`;
  const [path, same] = await Promise.all([
    compiledLibrary(compiler, source),
    compiledLibrary(compiler, source),
  ]);
  assert.equal(same, path);
  const library = Deno.dlopen(path, { answer: { parameters: [], result: "i32" } });
  assert.equal(library.symbols.answer(), 42);
  library.close();
  // Made already: the compiler is not asked.
  assert.equal(await compiledLibrary({ ...compiler, command: "false" }, source), path);
  // Another compiler or processor makes another one.
  const other = { ...compiler, identity: `${compiler.identity} of another machine` };
  const otherPath = await compiledLibrary(other, source);
  assert.notEqual(otherPath, path);
  await Promise.all([Deno.remove(path), Deno.remove(otherPath)]);
});

Deno.test("compiledLibrary() says what the compiler says, and what to do", async () => {
  const compiler = (await findCompiler())!;
  await assert.rejects(
    compiledLibrary(compiler, `${unique()}int answer(void) { return unknown; }\n`),
    (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.kind, "unavailable");
      const [first, ...rest] = error.message.split("\n");
      assert.equal(
        first,
        'Cannot compile for this machine: "cc" failed, use --runtime onnx; it says:',
      );
      assert.match(rest.join("\n"), /unknown/);
      return true;
    },
  );
});

Deno.test("without a compiler the runtime is onnx, and native says what is missing", async () => {
  const empty = await Deno.makeTempDir();
  assert.match(
    await describe("auto", empty),
    /^onnx: ONNX Runtime .+ \(Cannot compile for this machine: wanted a C compiler as "cc", got none, install gcc or clang\)$/,
  );
  assert.equal(
    await describe("native", empty),
    'Cannot compile for this machine: wanted a C compiler as "cc", got none, install gcc or clang, or use --runtime onnx',
  );
  await Deno.remove(empty);
});

Deno.test("with a compiler that fails the runtime is onnx, and says why", async () => {
  const folder = await Deno.makeTempDir();
  const script = '#!/bin/sh\ncase "$*" in *--version*|*-dM*) echo broken;; *) exit 1;; esac\n';
  await Deno.writeTextFile(join(folder, "cc"), script, { mode: 0o755 });
  assert.match(
    await describe("auto", folder),
    /^onnx: ONNX Runtime .+ \(Cannot compile for this machine: "cc" failed\)$/,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("with a compiler the runtime is native, and names the compiler", async () => {
  assert.match(
    await describe("auto", Deno.env.get("PATH")!),
    /^native: compiled for this machine by .+, 1 thread$/,
  );
});
