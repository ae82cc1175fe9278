import assert from "node:assert/strict";
import fc from "fast-check";
import {
  forCsvCell,
  forHtml,
  forJsonLine,
  forMarkdown,
  forTerminal,
  shorten,
} from "../lib/foreign_text.ts";
import { parseCsv } from "../lib/data/csv.ts";

/** Any text, rich in the characters that matter. */
const anyText = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom(..."ab|`*_[]()<>&\"'\\=+-@,;\n\r\t\x1b\x9b\u202e\u200b\ud83d😀é$~:/w."),
  }),
);

Deno.test("forTerminal() shows what acts unseen, and keeps what is seen", () => {
  const cases = {
    "naïve 日本語 العربية 😀 ❤️ ✓": "naïve 日本語 العربية 😀 ❤️ ✓",
    "\x1b]0;title\x07\x1b[31mred": "\\x1b]0;title\\x07\\x1b[31mred",
    "\x9b2J\x7f\x00": "\\x9b2J\\x7f\\x00",
    "a\r\nb\tc": "a\\r\\nb\\tc",
    "gpj.\u202eexe\u2066": "gpj.\\u202eexe\\u2066",
    "a\u200bb\u200d\ufeff\u00ad": "a\\u200bb\\u200d\\ufeff\\xad",
    "line\u2028\u2029\u0085": "line\\u2028\\u2029\\x85",
    "\ud800": "\\ud800",
    "\u{e0041}\u3164": "\\u{e0041}\\u3164",
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(forTerminal(text), wanted);
});

Deno.test("property: what forTerminal() gives is one line without controls, and stays the same", () => {
  fc.assert(fc.property(anyText, (text) => {
    const shown = forTerminal(text);
    assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    assert.equal(forTerminal(shown), shown);
  }));
});

Deno.test("forHtml() leaves no tag, no entity and no end of an attribute", () => {
  assert.equal(
    forHtml(`<img src=x onerror='a("b")'>&amp;\u202e`),
    "&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;amp;\\u202e",
  );
  fc.assert(fc.property(anyText, (text) => assert.doesNotMatch(forHtml(text), /[<>"']/)));
});

Deno.test("forMarkdown() leaves no markup, link, cell or line", () => {
  const cases = {
    "shape (accuracy)": "shape (accuracy)",
    "21.2 % (19.3 to 23.0), logistic": "21.2 % (19.3 to 23.0), logistic",
    "a|b\\|c": "a\\|b\\\\\\|c",
    "<script>alert(1)</script>&lt;": "&lt;script&gt;alert(1)&lt;/script&gt;&amp;lt;",
    "](http://x) [a](javascript:b)": "\\](http\\://x) \\[a\\](javascript:b)",
    "![x](https://t/p.png) www.a.b": "!\\[x\\](https\\://t/p.png) www\\.a.b",
    "`rm` *a* _b_ ~~c~~ $x$": "\\`rm\\` \\*a\\* \\_b\\_ \\~\\~c\\~\\~ \\$x\\$",
    "one\ntwo": "one\\\\ntwo",
  };
  for (const [text, wanted] of Object.entries(cases)) assert.equal(forMarkdown(text), wanted);
  fc.assert(fc.property(anyText, (text) => {
    // Without escaped characters nothing is left that Markdown reads.
    assert.doesNotMatch(
      forMarkdown(text).replace(/\\[\\`*_~[\]|$:.]/g, ""),
      /[\\`*_~[\]|$<>\n]|:\/\/|www\./i,
    );
  }));
});

Deno.test("forCsvCell() quotes by RFC 4180 and lets no spreadsheet compute", () => {
  const cases: readonly (readonly [string | number, string])[] = [
    ["plain", "plain"],
    ["a,b", '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ["two\nlines", '"two\nlines"'],
    ['=HYPERLINK("http://x","y")', `"'=HYPERLINK(""http://x"",""y"")"`],
    ["+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["-a", "'-a"],
    ["\t=1", "'\t=1"],
    ["\r=1", `"'\r=1"`],
    ["＝1", "'＝1"],
    ["-0.5", "-0.5"],
    ["+1e-3", "+1e-3"],
    [-0.5, "-0.5"],
    [-1e-9, "-1e-9"],
    ["", ""],
  ];
  for (const [value, wanted] of cases) assert.equal(forCsvCell(value), wanted);
});

Deno.test("property: a reader of CSV gets back every cell, but for the apostrophe", () => {
  fc.assert(fc.property(fc.array(anyText, { minLength: 2, maxLength: 5 }), (cells) => {
    // Our reader trims what is not quoted, as spreadsheets do.
    const plain = cells.map((cell) => "x" + cell.replaceAll("\ufeff", "") + "x");
    const [row] = parseCsv("a,b\n" + plain.map(forCsvCell).join(",") + "\n", "m").slice(1);
    assert.deepEqual(row!.cells, plain);
    for (const cell of cells.map(forCsvCell)) {
      assert.doesNotMatch(cell.replace(/^"/, ""), /^([=@\t]|[+-](?![\d.]))/);
    }
  }));
});

Deno.test("property: forJsonLine() is the same JSON, in characters that are seen", () => {
  fc.assert(fc.property(fc.dictionary(anyText, anyText), (value) => {
    const line = forJsonLine(value);
    assert.deepEqual(JSON.parse(line), JSON.parse(JSON.stringify(value)));
    assert.equal(forTerminal(line), line);
  }));
  assert.equal(forJsonLine({ a: "\x9b\u202e\u{e0041}" }), '{"a":"\\u009b\\u202e\\udb40\\udc41"}');
});

Deno.test("shorten() keeps begin and end within the limit", () => {
  assert.equal(shorten("short", 5), "short");
  assert.equal(shorten("Cannot read x: wanted y, do z", 25), "Cannot read  [...] , do z");
  fc.assert(fc.property(anyText, fc.integer({ min: 8, max: 40 }), (text, limit) => {
    const shown = shorten(text, limit);
    assert.ok(shown.length <= limit);
    if (text.isWellFormed()) assert.ok(shown.isWellFormed());
  }));
});
