/** Every document, file and section that a comment or a page of the repository names is there. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { filesBelow } from "./module_graph.ts";
import { ROOT } from "./run_stage.ts";

const FOLDERS = ["lib", "stages", "tests", "bench", "torture", "pipelines", "docs", ".ci"];
const FILES = new Set([
  ...filesBelow(...FOLDERS),
  ...[...Deno.readDirSync(ROOT)].filter(({ isFile }) => isFile).map(({ name }) => name),
]);
const PLACES = new Set([...FILES].flatMap((path) => [path, ...foldersOf(path)]));
const TEXTS = new Map(
  [...FILES].filter((path) => /\.(md|ts|mjs|c|h|py|sh|mk)$/.test(path) || path === ".ci/run")
    .map((path) => [path, Deno.readTextFileSync(ROOT + path)]),
);
const PAGES = [...TEXTS].filter(([path]) => path.endsWith(".md"));

/** What commands make, and users then have. Other outputs are no code and no documents, so nobody looks for them. */
const MADE = ["table.md", "encoder/README.md", "interface.h"];

/** A word in capitals stands for what a user puts in its place: `DIRECTORY/table.md`, `bench/runs/DATE-MACHINE.json`. */
const PLACEHOLDER = /(?:^|\/)(?!README|CHANGELOG|SECURITY)[A-Z]{2}/;

/**
 * Paths and names, from wherever one can begin. A path is one if it begins with a folder of the repository, whatever its
 * end; a name of code or of a document is one without a folder too, and then lies anywhere.
 */
const PATH = /(?<![\w/.:@$-])(?:[\w.-]+\/)*[\w-]+(?:\.[\w-]+)*/g;

function foldersOf(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? [] : [folder, ...foldersOf(folder)];
}

/** The comments of code, or all of a page, in one line. Links of a page are left out: they are looked at apart. */
function proseOf(path: string, text: string): string {
  const pattern = /\.(ts|mjs|c|h)$/.test(path)
    ? /^\s*\/\*[\s\S]*?\*\/|(?:^|\s)\/\/.*$/gm
    : /"""[\s\S]*?"""|(?:^|\s)#.*$/gm;
  const parts = path.endsWith(".md") ? [text.replace(/\]\([^)]*\)/g, "]")] : text.match(pattern);
  return (parts ?? []).join("\n").replace(/^\s*(?:\*|\/\/|#)\s/gm, "").replace(/\s+/g, " ");
}

/** What a text names, as far as it should be there. */
function filesNamedIn(path: string, text: string): string[] {
  const named = proseOf(path, text).match(PATH) ?? [];
  // Messages and help send people to documents.
  const shown = path.startsWith("tests/") ? [] : text.match(/\bdocs\/[\w./-]*\w/g) ?? [];
  return [...named, ...shown].filter((name) =>
    (FOLDERS.some((folder) => name.startsWith(`${folder}/`)) ||
      /\.(md|ts|mjs|c|h|py|sh|mk)$/.test(name)) &&
    !PLACEHOLDER.test(name) && !MADE.includes(name)
  );
}

function isThere(name: string, from: string): boolean {
  if (PLACES.has(name) || PLACES.has(join(dirname(from), name))) return true;
  const record = /^(?:docs\/)?(decisions\/\d{4})$/.exec(name)?.[1];
  if (record !== undefined) return [...FILES].some((path) => path.startsWith(`docs/${record}-`));
  return !FOLDERS.some((folder) => name.startsWith(`${folder}/`)) &&
    [...FILES].some((path) => path.endsWith(`/${name}`));
}

/** Numbers of the sections of a page: `2.1` of `### 2.1 Positions`. */
function sectionsOf(page: string): Set<string> {
  return new Set([...page.matchAll(/^#+ (\d+(?:\.\d+)*)\.? /gm)].map(([, number]) => number!));
}

/** Sections that a text cites and that are not there. A page that has numbers can cite its own. */
function lostSections(path: string, text: string): string[] {
  const cited = /(?:([\w./-]+\.md),? )?sections? (\d+(?:\.\d+)*(?:(?:,| and| to) \d+(?:\.\d+)*)*)/g;
  return [...proseOf(path, text).matchAll(cited)].flatMap(([, document, numbers]) => {
    const own = path.endsWith(".md") && sectionsOf(text).size > 1 ? text : undefined;
    const page = document === undefined ? own : TEXTS.get(document);
    if (page === undefined) return [];
    const there = sectionsOf(page);
    return numbers!.match(/\d+(?:\.\d+)*/g)!.filter((number) => !there.has(number))
      .map((number) => `${path}: ${document ?? path} has no section ${number}`);
  });
}

/** What a link to a heading ends in, as GitHub makes it. */
function anchorsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-")
  );
}

/** Links of a page that lead nowhere in the repository. */
function brokenLinks(path: string, text: string): string[] {
  return [...text.matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
    .filter(([, target, anchor]) => {
      const place = join(dirname(path), target!);
      if (target !== "" && !PLACES.has(place)) return true;
      const page = target === "" ? text : TEXTS.get(place);
      return anchor !== undefined && !anchorsOf(page ?? "").includes(anchor);
    })
    .map(([link]) => `${path}: ${link.slice(1)}`);
}

function lostFiles(path: string, text: string): string[] {
  return filesNamedIn(path, text).filter((name) => !isThere(name, path))
    .map((name) => `${path}: ${name}`);
}

/** Fails with one line per offence. */
function expectNone(rule: string, offences: readonly string[]): void {
  assert.ok(offences.length === 0, [rule, ...offences.map((line) => `  ${line}`)].join("\n"));
}

Deno.test("invented names are found, in comments, pages, links and sections", () => {
  const code = [
    "/**",
    " * As docs/invented.md says, and docs/method.md",
    " * sections 2.1 and 77.",
    " */",
    'const path = "lib/a/string.ts";',
    `x(); ${"//"} lib/model/invented.ts, model/layers.ts, invented_test.ts, run/config.json, out/a.csv`,
    "// docs/decisions/0001, docs/decisions/7777, lib/model, lib/invented, NAME.py, https://a.b/c.md",
  ].join("\n");
  assert.deepEqual(lostFiles("lib/a.ts", code), [
    "lib/a.ts: docs/invented.md",
    "lib/a.ts: lib/model/invented.ts",
    "lib/a.ts: invented_test.ts",
    "lib/a.ts: docs/decisions/7777",
    "lib/a.ts: lib/invented",
    "lib/a.ts: docs/invented.md", // Once more as text that may be shown.
    "lib/a.ts: docs/decisions/7777",
  ]);
  assert.deepEqual(lostSections("lib/a.ts", code), ["lib/a.ts: docs/method.md has no section 77"]);
  assert.deepEqual(
    lostFiles("bench/a.py", '"""See bench/invented.py."""\nx = "lib/b"  # tests/c'),
    [
      "bench/a.py: bench/invented.py",
      "bench/a.py: tests/c",
    ],
  );
  const page =
    "# 1. A\n## 1.1 B c!\n[a](formats.md) [b](#11-b-c) [c](formats.md#encoder) section 1.1\n";
  assert.deepEqual(brokenLinks("docs/a.md", page), []);
  assert.deepEqual(lostSections("docs/a.md", page), []);
  const broken = page.replaceAll("formats", "invented").replace("#11-b-c", "#b").replace(
    "n 1.1",
    "n 2",
  );
  assert.deepEqual(brokenLinks("docs/a.md", broken), [
    "docs/a.md: (invented.md)",
    "docs/a.md: (#b)",
    "docs/a.md: (invented.md#encoder)",
  ]);
  assert.deepEqual(lostSections("docs/a.md", broken), ["docs/a.md: docs/a.md has no section 2"]);
});

Deno.test("files that comments and pages name are there", () => {
  const named = [...TEXTS].flatMap(([path, text]) => filesNamedIn(path, text));
  assert.ok(named.length > 300, `${named.length} names`);
  expectNone(
    "A comment or page names what is not there (what commands make is in MADE):",
    [...TEXTS].flatMap(([path, text]) => lostFiles(path, text)),
  );
});

Deno.test("sections that comments and pages cite are there", () => {
  expectNone(
    "A comment or page cites a section that its document does not have:",
    [...TEXTS].flatMap(([path, text]) => lostSections(path, text)),
  );
});

Deno.test("links in Markdown lead to files and headings", () => {
  expectNone("A link is broken:", PAGES.flatMap(([path, text]) => brokenLinks(path, text)));
});
