import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCsv } from "../../lib/data/csv.ts";
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
