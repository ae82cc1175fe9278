/** The rules of the architecture, checked on the real module graph and the files themselves. */
import assert from "node:assert/strict";
import { basename } from "node:path";
import denoJson from "../deno.json" with { type: "json" };
import {
  filesBelow,
  findCycle,
  findPath,
  folderOf,
  type ModuleGraph,
  readModuleGraph,
} from "./module_graph.ts";
import { ROOT } from "./run_stage.ts";

const FOLDERS = ["lib", "stages", "tests", "bench", "torture", "pipelines", "docs"].filter(exists);
const FILES = [...filesBelow(...FOLDERS), ...filesAtRoot()];
const CODE = FILES.filter((path) => path.endsWith(".ts"));
const GRAPH: ModuleGraph = await readModuleGraph(CODE);
const TEXTS = new Map(
  FILES.filter((path) => /\.(ts|c|h|md|json|sh|mk|ya?ml|svg|py)$/.test(path) || path === ".ci/run")
    .map((path) => [path, Deno.readTextFileSync(ROOT + path)]),
);

/** What every folder of `lib` may import beside itself; whatever is not listed is refused. */
const BASE = [
  "lib/failure.ts",
  "lib/foreign_text.ts",
  "lib/json.ts",
  "lib/nearest.ts",
  "lib/repeated_key.ts",
  "lib/round_half_even.ts",
  "lib/tensor.ts",
  "lib/worker_scope.ts",
];
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  "lib/failure.ts": [],
  "lib/foreign_text.ts": [],
  "lib/messages.ts": ["lib/foreign_text.ts", "lib/files"],
  "lib/json.ts": ["lib/foreign_text.ts"],
  "lib/nearest.ts": [],
  "lib/repeated_key.ts": [],
  "lib/round_half_even.ts": [],
  "lib/tensor.ts": [],
  "lib/worker_scope.ts": [],
  "lib/random": [],
  "lib/files": BASE,
  "lib/artifact": [...BASE, "lib/messages.ts", "lib/files"],
  "lib/formats": [...BASE, "lib/files"],
  "lib/compile": [...BASE, "lib/formats"],
  "lib/model": [...BASE, "lib/random", "lib/compile"],
  "lib/config": [...BASE, "lib/model"],
  "lib/training": [...BASE, "lib/random", "lib/compile", "lib/model", "lib/config"],
  "lib/images": [...BASE, "lib/random", "lib/formats"],
  "lib/data": [...BASE, "lib/random", "lib/artifact", "lib/files", "lib/formats", "lib/images"],
  "lib/scenes": [...BASE, "lib/random"],
  "lib/pages": [...BASE, "lib/model"],
  "lib/runtime": [...BASE, "lib/files", "lib/formats", "lib/compile"],
  "lib/run": [...BASE, "lib/artifact", "lib/files", "lib/formats", "lib/config", "lib/training"],
  "lib/start": [
    ...BASE,
    "lib/artifact",
    "lib/files",
    "lib/formats",
    "lib/model",
    "lib/config",
    "lib/run",
    "lib/training",
  ],
  "lib/probe": [...BASE, "lib/random", "lib/files", "lib/formats", "lib/compile"],
  "lib/encoder": [
    ...BASE,
    "lib/random",
    "lib/files",
    "lib/formats",
    "lib/compile",
    "lib/model",
    "lib/runtime",
  ],
  "lib/features": [
    ...BASE,
    "lib/artifact",
    "lib/files",
    "lib/formats",
    "lib/images",
    "lib/data",
    "lib/compile",
    "lib/model",
    "lib/runtime",
    "lib/encoder",
  ],
  "lib/cli": [...BASE, "lib/messages.ts", "lib/files", "lib/artifact", "deno.json"],
};

/** Packages and the only places that may import them. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "npm:sharp": ["lib/images", "lib/scenes", "tests", "torture"],
  "npm:apache-arrow": ["lib/formats/arrow.ts", "lib/formats/arrow/", "tests"],
  "npm:modern-tar": ["lib/formats", "lib/data", "tests"],
  "npm:onnxruntime-node": ["lib/runtime", "tests", "bench"],
  "npm:fast-check": ["tests"],
  "npm:valibot": ["lib", "stages", "tests"],
  "npm:@tensorflow/tfjs": [
    "lib/model",
    "lib/training",
    "lib/compile",
    "lib/probe",
    "lib/runtime",
    "tests",
    "bench",
  ],
};
const BACKENDS = ["lib/runtime", "tests", "bench"];

/** Where variables of the environment are set, for a library that reads them; read they are nowhere. */
const SETS_VARIABLES = ["lib/runtime/onnxruntime.ts"];
/** Finds the folder of the user's caches. */
const CACHE = "lib/runtime/native/cache.ts";

const LONGEST_FILE_LINES = 300;
const JUNK_NAMES = /^(utils?|helpers?|common|misc|index)(_test)?\.ts$/;

function exists(path: string): boolean {
  try {
    Deno.statSync(ROOT + path);
    return true;
  } catch {
    return false;
  }
}

function filesAtRoot(): string[] {
  return ["mod.ts", "deno.json", "deno.env", "README.md", "CHANGELOG.md", "SECURITY.md", ".ci/run"]
    .filter(exists);
}

/** Fails with one line per offence: the file, then what it does. */
function expectNone(rule: string, offences: readonly string[]): void {
  assert.ok(offences.length === 0, [rule, ...offences.map((line) => `  ${line}`)].join("\n"));
}

/** Every import as `file imports what`, of the files that `from` accepts and the modules that `what` accepts. */
function imports(
  from: (path: string) => boolean,
  what: (path: string, from: string) => boolean,
): string[] {
  return [...GRAPH].filter(([path]) => from(path)).flatMap(([path, targets]) =>
    targets.filter((target) => what(target, path)).map((target) => `${path} imports ${target}`)
  );
}

/** `path:line: text` for every line of the given files that matches. */
function linesMatching(paths: readonly string[], pattern: RegExp): string[] {
  return paths.flatMap((path) =>
    (TEXTS.get(path) ?? "").split("\n").flatMap((line, index) =>
      pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : []
    )
  );
}

Deno.test("findCycle() and findPath() find what the rules forbid", () => {
  const graph = new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]], ["d", ["e"]], ["e", [
    "c",
  ]]]);
  assert.deepEqual(findCycle(graph), ["d", "e", "c", "d"]);
  assert.equal(findCycle(new Map([["a", ["b", "c"]], ["b", ["c"]]])), undefined);
  assert.deepEqual(findPath(graph, "a", { wanted: (path) => path === "e" }), ["a", "b", "d", "e"]);
  assert.equal(findPath(graph, "c", { wanted: (path) => path === "a" }), undefined);
  assert.ok(
    CODE.length > 100 && GRAPH.size >= CODE.length,
    `${GRAPH.size} of ${CODE.length} files`,
  );
});

Deno.test("rule: there are no import cycles", () => {
  assert.equal(findCycle(GRAPH)?.join(" -> "), undefined);
});

Deno.test("rule: every folder of lib imports only the layers below it", () => {
  expectNone(
    "A folder of lib imports one that is not below it (LAYERS in tests/rules_test.ts):",
    imports(
      (path) => path.startsWith("lib/"),
      (target, path) => {
        if (/^(npm|node):/.test(target)) return false;
        const [from, to] = [folderOf(path), folderOf(target)];
        return from !== to && !LAYERS[from]?.includes(to);
      },
    ),
  );
  const unknown = new Set(CODE.filter((path) => path.startsWith("lib/")).map(folderOf));
  for (const known of Object.keys(LAYERS)) unknown.delete(known);
  expectNone("A folder of lib has no place in LAYERS of tests/rules_test.ts:", [...unknown]);
});

Deno.test("rule: stages never import stages, and only tests import tests", () => {
  expectNone(
    "A stage is a program, not a library:",
    // Torture is a test that takes its time.
    imports(
      (path) => !/^(tests|torture)\//.test(path),
      (target) => /^(stages|tests)\//.test(target),
    ),
  );
});

Deno.test("rule: model, config, training and compile reach neither files nor native packages, by any way", () => {
  const forbidden = (path: string) =>
    /^node:(fs|child_process|worker_threads)/.test(path) ||
    (path.startsWith("npm:") && path !== "npm:@tensorflow/tfjs") ||
    ["lib/files", "lib/run", "lib/images", "lib/data", "lib/runtime", "lib/cli"].includes(
      folderOf(path),
    );
  const pure = CODE.filter((path) => /^lib\/(model|config|training|compile)\//.test(path));
  expectNone(
    "The model and its training are pure functions of tensors:",
    pure.flatMap((path) => findPath(GRAPH, path, { wanted: forbidden })?.join(" -> ") ?? []),
  );
  expectNone("They do not speak to the system either:", linesMatching(pure, /\bDeno\.|\bfetch\(/));
});

Deno.test("rule: compile never knows the model, formats never know a tensor library", () => {
  const reaches = (from: RegExp, wanted: (path: string) => boolean) =>
    CODE.filter((path) => from.test(path)).flatMap((path) =>
      findPath(GRAPH, path, { wanted })?.join(" -> ") ?? []
    );
  expectNone(
    "The tracer takes any function:",
    reaches(/^lib\/compile\//, (path) => /^lib\/(model|config|training)\//.test(path)),
  );
  expectNone(
    "Formats turn bytes into plain objects:",
    reaches(/^lib\/formats\//, (path) => path.startsWith("npm:@tensorflow/")),
  );
});

Deno.test("rule: packages are imported only where they belong", () => {
  expectNone(
    "A package is imported outside of its place (PACKAGES in tests/rules_test.ts):",
    imports(() => true, (target, path) => {
      if (!target.startsWith("npm:")) return false;
      const places = PACKAGES[target] ?? (target.startsWith("npm:@tensorflow/") ? BACKENDS : []);
      return !places.some((place) => path.startsWith(place));
    }),
  );
});

Deno.test("rule: every package is pinned in deno.json and named there only", () => {
  for (const [name, specifier] of Object.entries(denoJson.imports)) {
    assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+$/, `${name} of deno.json is not pinned`);
  }
  const code = CODE.filter((path) => /^(lib|stages|mod\.ts)/.test(path));
  expectNone(
    "An import names a version or a host:",
    linesMatching(code, /(from|import\()\s*["'](npm|jsr|https?):/),
  );
  expectNone("The lock file names a host:", linesInLock(/https?:\/\//));
});

function linesInLock(pattern: RegExp): string[] {
  const text = Deno.readTextFileSync(ROOT + "deno.lock");
  return text.split("\n").filter((line) => pattern.test(line)).map((line) => line.trim());
}

Deno.test("rule: only lib/cli exits, reads the command line and catches signals", () => {
  const others = CODE.filter((path) =>
    /^(lib|stages)\//.test(path) && !path.startsWith("lib/cli/")
  );
  expectNone(
    "Exits, flags and signals belong to lib/cli:",
    linesMatching(
      others,
      /Deno\.(exit|args|addSignalListener)\b|process\.(exit|argv|on)\b|\bparseArgs\b/,
    ),
  );
  expectNone(
    "A stage's behaviour does not depend on environment variables:",
    linesMatching(
      others.filter((path) => ![...SETS_VARIABLES, CACHE].includes(path)),
      /Deno\.env\b|process\.env\b/,
    ).concat(linesMatching(SETS_VARIABLES, /Deno\.env\b(?!\.set\()|process\.env\b/)),
  );
});

Deno.test("rule: no text becomes code, and only the runtime starts programs", () => {
  const code = CODE.filter((path) => /^(lib|stages)\//.test(path));
  expectNone("Data are never executed:", linesMatching(code, /\beval\(|\bnew Function\(/));
  expectNone(
    "The C compiler is the only program, and lib/runtime starts it:",
    linesMatching(code.filter((path) => !path.startsWith("lib/runtime/")), /Deno\.Command\b/),
  );
});

Deno.test("rule: stdout belongs to the JSON line that main() prints", () => {
  const code = CODE.filter((path) => /^(lib|stages)\//.test(path) && path !== "lib/cli/main.ts");
  expectNone("People's text goes to stderr:", linesMatching(code, /console\.log\(|Deno\.stdout/));
});

Deno.test("rule: what goes to stderr is escaped and limited in length", () => {
  const places = ["lib/messages.ts", "lib/cli/progress.ts"];
  const code = CODE.filter((path) => /^(lib|stages)\//.test(path) && !places.includes(path));
  expectNone(
    "Text for people goes through printMessage() or printLines():",
    linesMatching(code, /console\.(error|warn|info|debug)\(|Deno\.stderr/),
  );
});

Deno.test("rule: every stage has a task that grants what it needs and nothing else", () => {
  const stages = CODE.filter((path) => path.startsWith("stages/")).map((path) =>
    basename(path, ".ts")
  );
  const tasks: Readonly<Record<string, { readonly command: string }>> = denoJson.tasks;
  for (const stage of stages) {
    const command = tasks[stage]?.command;
    assert.ok(command !== undefined, `stages/${stage}.ts has no task in deno.json`);
    assert.match(
      command,
      new RegExp(
        `^deno run( --quiet)? --env-file=deno\\.env --no-prompt --allow-read --allow-write( --allow-(ffi|run=cc|sys=[\\w,]+|env=[\\w,]+))* stages/${stage}\\.ts$`,
      ),
      `Task "${stage}" of deno.json grants something else than files, libraries, the C compiler and named variables`,
    );
    // Or Deno itself says of a machine without a compiler that it could not resolve "cc".
    assert.equal(command.includes("--quiet"), command.includes("--allow-run=cc"), stage);
  }
  const network = Object.entries(tasks).filter(([, { command }]) =>
    /--allow-(net|all|import)| -[AN]\b/.test(command)
  );
  expectNone("A task grants the network or everything:", network.map(([name]) => name));
});

Deno.test("rule: files say in their name what is in them", () => {
  expectNone("A junk drawer:", CODE.filter((path) => JUNK_NAMES.test(basename(path))));
  expectNone(
    "File names are small letters and underscores:",
    CODE.filter((path) => !/^[a-z0-9_]+\.ts$/.test(basename(path))),
  );
  expectNone(
    "A test file ends in _test.ts and lies in tests:",
    CODE.filter((path) => path.endsWith("_test.ts") && !path.startsWith("tests/")),
  );
});

Deno.test(`rule: code files have at most ${LONGEST_FILE_LINES} lines`, () => {
  const code = [...TEXTS.keys()].filter((path) =>
    /^(lib|stages)\/.*\.(ts|c|h)$|^mod\.ts$/.test(path)
  );
  const long = code.flatMap((path) => {
    const lines = TEXTS.get(path)!.trimEnd().split("\n").length;
    return lines > LONGEST_FILE_LINES ? [`${path} has ${lines} lines`] : [];
  });
  expectNone("One file tells one story:", long);
});

Deno.test("rule: code files open with a comment that says what they are", () => {
  // One that stands directly above a declaration is about that alone.
  const header = /^\/\*(?:(?!\*\/)[^])*\*\/\n(\n|import\b|export (type )?[{*]|#)/;
  const code = [...TEXTS.keys()].filter((path) => /^(lib|stages)\/.*\.(ts|c|h)$/.test(path));
  expectNone(
    "Begin with /** what a reader finds here */, then imports or an empty line:",
    code.filter((path) => !header.test(TEXTS.get(path)!)),
  );
});

Deno.test("rule: what is left to do has an issue number", () => {
  const marks = new RegExp(
    ["TO" + "DO", "FIX" + "ME", "XX" + "X"].map((m) => `\\b${m}\\b`).join("|"),
  );
  const open = linesMatching([...TEXTS.keys()], marks).filter((line) => !/\(#\d+\)/.test(line));
  expectNone("Write (#NUMBER) behind it, or do it:", open);
});

Deno.test("rule: no path of one machine is written down", () => {
  const paths = [...TEXTS.keys()].filter((path) => path !== "tests/rules_test.ts");
  expectNone(
    "Paths come from flags:",
    linesMatching(paths, /(^|[\s"'`(=:])\/(work|home|root|Users|tmp\/bash_jobs)\//),
  );
});
