import assert from "node:assert/strict";
import fc from "fast-check";
import { delimitersOf, parseCsv } from "../../lib/data/csv.ts";
import { Failure } from "../../lib/failure.ts";

function cellsOf(text: string): string[][] {
  return parseCsv(text, "t.csv").map(({ cells }) => [...cells]);
}

Deno.test("parseCsv() reads quotes, line ends, empty cells and a byte order mark", () => {
  const text = '\ufeffpath,name\r\n"a ""b"".jpg","x, y\nz"\r\n\r\nc.jpg,\n';
  assert.deepEqual(parseCsv(text, "t.csv"), [
    { line: 1, cells: ["path", "name"] },
    { line: 2, cells: ['a "b".jpg', "x, y\nz"] },
    { line: 5, cells: ["c.jpg", ""] },
  ]);
});

Deno.test("parseCsv() takes semicolons and tabs from the first line", () => {
  assert.deepEqual(cellsOf("path;a\nx, y.jpg;1,5"), [["path", "a"], ["x, y.jpg", "1,5"]]);
  assert.deepEqual(cellsOf("path\ta\nx.jpg\t1\n"), [["path", "a"], ["x.jpg", "1"]]);
});

Deno.test("parseCsv() gives back any quoted table", () => {
  const cell = fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r\n", ";", " ", "ü") });
  const table = fc.array(fc.tuple(cell, cell, cell), { maxLength: 6 });
  fc.assert(fc.property(table, fc.constantFrom("\n", "\r\n"), (rows, end) => {
    const all = [["p", "q", "r"], ...rows];
    const quoted = all.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(","));
    assert.deepEqual(cellsOf(quoted.join(end)), all);
    assert.deepEqual(cellsOf(quoted.join(end) + end), all);
  }));
});

Deno.test("parseCsv() names the line of a broken quote", () => {
  const message = (text: string) => {
    try {
      parseCsv(text, "t.csv");
    } catch (error) {
      assert.ok(error instanceof Failure && error.kind === "data");
      return error.message;
    }
  };
  assert.equal(
    message('path,a\nx,"y\n\n'),
    'Cannot read "t.csv": line 2 has a quote that is never closed',
  );
  assert.equal(
    message('path,a\n"x"y,1\n'),
    'Cannot read "t.csv": line 2 has text after a closing quote',
  );
});

Deno.test("parseCsv() ends lines at LF, CRLF and CR, and counts them alike", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = ["path,a", 'x.jpg,"1', '2"', "", "y.jpg,3", ""].join(end);
    assert.deepEqual(parseCsv(text, "t.csv"), [
      { line: 1, cells: ["path", "a"] },
      { line: 2, cells: ["x.jpg", `1${end}2`] },
      { line: 5, cells: ["y.jpg", "3"] },
    ]);
  }
});

Deno.test("parseCsv() takes spaces around quotes, several between cells, and what Excel announces", () => {
  assert.deepEqual(cellsOf('path, a\nx.jpg, "1, 2" \n'), [["path", "a"], ["x.jpg", "1, 2"]]);
  assert.deepEqual(cellsOf("a.jpg  0.0     mono\nb.jpg  1.0     poly \n"), [
    ["a.jpg", "0.0", "mono"],
    ["b.jpg", "1.0", "poly"],
  ]);
  assert.deepEqual(cellsOf("\ufeffsep=;\r\npath;a,b\r\nx.jpg;1,5\r\n"), [["path", "a,b"], [
    "x.jpg",
    "1,5",
  ]]);
  assert.deepEqual(cellsOf("my photo.jpg\nother.jpg\n"), [["my photo.jpg"], ["other.jpg"]]);
});

Deno.test("delimitersOf() prefers what gives every row as many cells", () => {
  assert.deepEqual(delimitersOf("path|a\nx,y.jpg|1\n"), ["|"]);
  assert.deepEqual(delimitersOf("path;age\na.jpg;20,5\nb.jpg;21,5\n"), [";"]);
  assert.deepEqual(delimitersOf("a.jpg;20,5;3,2\nb.jpg;1,5;2,5\n"), [",", ";"]);
  assert.deepEqual(delimitersOf("path,a\nx.jpg,1,2\n"), [","]);
  assert.deepEqual(delimitersOf(""), [","]);
});

Deno.test("parseCsv() has bounds on columns, cells and quotes", () => {
  const message = (text: string) => {
    try {
      return parseCsv(text, "t.csv").length;
    } catch (error) {
      return (error as Error).message;
    }
  };
  const start = 'Cannot read "t.csv": line 1 has ';
  assert.equal(message(`path${",a".repeat(1023)}\n`), 1);
  const columns = "more than 1024 columns, leave out those that are no labels";
  assert.equal(message(`path${",a".repeat(40_000)}\n`), start + columns);
  assert.equal(message(`${"a".repeat(10_000)},b\n`), 1);
  const cell = "a cell of 10001 characters, wanted at most 10000";
  assert.equal(message(`${"a".repeat(10_001)},b\n`), start + cell);
  const quote = "more than 10000 characters in quotes, is a quote not closed?";
  assert.equal(message(`"${"a".repeat(20_000)},b\n`), start + quote);
});

Deno.test("parseCsv() ends for any text, with rows or a sentence", () => {
  const unit = fc.constantFrom("a", '"', ",", ";", "\n", "\r", " ", "\t", "\ufeff", "sep=;");
  fc.assert(fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
    try {
      parseCsv(text, "t.csv");
    } catch (error) {
      assert.ok(error instanceof Failure, String(error));
    }
  }));
});
