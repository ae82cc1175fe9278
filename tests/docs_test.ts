/** What the texts say about the commands is true: tasks, flags, presets, proofs and exit codes exist. */
import assert from "node:assert/strict";
import denoJson from "../deno.json" with { type: "json" };
import { PRESET_NAMES } from "../lib/config/mod.ts";
import { filesBelow } from "./module_graph.ts";
import { ROOT, runStage } from "./run_stage.ts";

const STAGES = filesBelow("stages").map((path) =>
  path.slice("stages/".length, -".ts".length)
) as (keyof typeof denoJson.tasks)[];
const TEXTS = new Map(
  ["README.md", "CHANGELOG.md", "SECURITY.md", ...filesBelow("docs", "pipelines", "lib", "stages")]
    .filter((path) => /\.(md|sh|mk|ts)$/.test(path))
    .map((path) => [path, Deno.readTextFileSync(ROOT + path)]),
);
const HELP = new Map(
  await Promise.all(
    STAGES.map(async (name) =>
      [name as string, (await runStage(name, ["--help"])).stdout] as const
    ),
  ),
);

interface Mention {
  readonly path: string;
  readonly task: string;
  readonly flags: readonly string[];
}

/** Every `deno task NAME --flags ...` in a text; lines that end in a backslash go on. */
function mentionsIn(path: string, text: string): Mention[] {
  const joined = text.replace(/\\\n\s*/g, " ");
  const pattern = /(?:deno task(?: --quiet)?|\$\(STAGE\)|^\s*stage) ([a-z][a-z-]*)([^\n`"|]*)/gm;
  return [...joined.matchAll(pattern)].map(([, task, rest]) => ({
    path,
    task: task!,
    flags: [...rest!.matchAll(/(?:^| )(--[a-z-]+)/g)].map(([, flag]) => flag!),
  }));
}

const MENTIONS = [...TEXTS].flatMap(([path, text]) => mentionsIn(path, text));

Deno.test("texts name only tasks that exist", () => {
  assert.ok(MENTIONS.length > 50, `${MENTIONS.length} mentions`);
  const wrong = MENTIONS.filter(({ task }) => !Object.hasOwn(denoJson.tasks, task));
  assert.deepEqual(wrong, []);
});

Deno.test("texts give stages only flags that they have", () => {
  const wrong = MENTIONS.flatMap(({ path, task, flags }) =>
    flags.filter((flag) => HELP.has(task) && !HELP.get(task)!.includes(`  ${flag} `))
      .filter((flag) => flag !== "--help" && !HELP.get(task)!.includes(`  ${flag}\n`))
      .map((flag) => `${path}: deno task ${task} ${flag}`)
  );
  assert.deepEqual(wrong, []);
});

Deno.test("texts name only presets that exist", () => {
  const named = [...TEXTS].flatMap(([path, text]) =>
    [...text.matchAll(/(?:--preset |PRESET \?= |PRESET=)([a-z][\w-]*)/g)]
      .map(([, preset]) => [path, preset!] as const)
  );
  assert.ok(named.length > 5);
  assert.deepEqual(named.filter(([, preset]) => !PRESET_NAMES.includes(preset)), []);
});

function isThere(path: string): boolean {
  try {
    Deno.statSync(ROOT + path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("architecture.md has a row for every folder of lib", () => {
  const text = TEXTS.get("docs/architecture.md")!;
  const folders = [...Deno.readDirSync(ROOT + "lib")].filter((entry) => entry.isDirectory);
  const missing = folders.filter(({ name }) => !text.includes(`| \`lib/${name}\``));
  assert.deepEqual(missing.map(({ name }) => name), []);
});

Deno.test("the tests that parity.md names exist, and prove a row each", () => {
  const tables = TEXTS.get("docs/parity.md")!.split(/\n{2,}/);
  const rows = tables.filter((table) => /^\| what .*\| proof +\|\n/.test(table))
    .flatMap((table) => table.trimEnd().split("\n"));
  const proofs = rows.flatMap((row) => [...row.matchAll(/`(tests\/[^`]+)` "([^"]+)"/g)]);
  assert.ok(proofs.length > 30, `${proofs.length} proofs`);
  const missing = proofs.filter(([, path, title]) =>
    !isThere(path!) || !Deno.readTextFileSync(ROOT + path).includes(title!)
  );
  assert.deepEqual(missing.map(([text]) => text), []);
  const unproved = rows.filter((row) => !/^\| (what|-)/.test(row) && !row.includes("`tests/"));
  assert.deepEqual(unproved, []);
});

Deno.test("the README lists the exit codes of the help", () => {
  const listed = [...TEXTS.get("README.md")!.matchAll(/^\| ([\d, ]+?) +\|/gm)]
    .flatMap(([, codes]) => codes!.split(", ").map(Number));
  const [, help = ""] = /Exit codes: ([\s\S]*)/.exec(HELP.get("pretrain")!) ?? [];
  const wanted = [...help.matchAll(/\b(\d+) [a-z]/g)].map(([, code]) => Number(code));
  assert.deepEqual(listed, wanted);
});
