import assert from "node:assert/strict";
import fc from "fast-check";
import { NotANumber, typeColumn } from "../../lib/data/labels/cells.ts";

interface Options {
  readonly stated?: "class" | "number";
  readonly commas?: boolean;
}

function typed(texts: readonly string[], { stated, commas = false }: Options = {}) {
  const cells = texts.map((text, index) => ({ line: index + 2, text }));
  const { column, valueOf, note } = typeColumn(cells, { name: "age", stated, commas });
  return { type: column.type, values: texts.map(valueOf), note };
}

Deno.test("typeColumn() takes the usual words for missing numbers", () => {
  const words = [
    "NaN",
    "NA",
    "null",
    "None",
    "N/A",
    "-",
    "",
    "nan",
    "#N/A",
    "<NA>",
    "?",
    "\\N",
    ".",
  ];
  const { type, values, note } = typed(["1", ...words, "2.5"]);
  assert.deepEqual([type, ...values], ["number", 1, ...words.map(() => null), 2.5]);
  assert.equal(note, 'label age: numbers from 1 to 2.5, 13 missing ("NaN", "NA", "null")');
});

Deno.test("typeColumn() leaves words for missing values alone in a column of classes", () => {
  const { type, values, note } = typed(["cat", "None", "", "cat"]);
  assert.deepEqual([type, ...values], ["class", "cat", "None", null, "cat"]);
  assert.equal(note, 'label age: 2 classes, "None" among them, 1 missing');
  const empty = typed(["", "NaN", "-"]);
  assert.deepEqual([empty.type, ...empty.values], ["class", null, null, null]);
  assert.equal(empty.note, 'label age: no values ("NaN", "-" is taken as missing)');
});

Deno.test("typeColumn() reads decimal commas where they are certain", () => {
  const read = typed(["20,5", "1.234,5", "-0,25", "7", "NA", "1,5e2"], { commas: true });
  assert.deepEqual([read.type, ...read.values], ["number", 20.5, 1234.5, -0.25, 7, null, 150]);
  assert.equal(
    read.note,
    'label age: numbers with decimal commas from -0.25 to 1234.5, 1 missing ("NA")',
  );
  assert.equal(typed(["0,123", "0,456"], { commas: true }).type, "number");
  for (
    const texts of [
      ["1,234", "5,678"], // thousands or thousandths
      ["20,5", "1.234"], // 1234 or 1.234
      ["20,5", "20.5"],
      ["1,2,3", "2,3,4"],
      ["01,5", "02,5"],
    ]
  ) assert.equal(typed(texts, { commas: true }).type, "class", texts.join(" "));
  assert.equal(typed(["20,5", "21,5"]).type, "class");
});

Deno.test("typeColumn() turns nothing into another number than the one that is written", () => {
  for (
    const text of [
      "007",
      "0x10",
      "1_000",
      "Infinity",
      "inf",
      "1e400",
      "1e-400",
      "2021-03-04",
      "12345678901234567890",
      "true",
      "1 000",
      "50%",
      "\u0661\u0662",
    ]
  ) {
    const { type, values } = typed([text, "1"]);
    assert.deepEqual([type, ...values], ["class", text, "1"]);
  }
  assert.deepEqual(typed(["9007199254740991", "1e2", ".5", "5.", "+3", " 7 "]).values, [
    9007199254740991,
    100,
    0.5,
    5,
    3,
    7,
  ]);
});

Deno.test("typeColumn() names the cell that makes numbers classes", () => {
  const because = (text: string, line: number, classes: number) =>
    `label age is taken as ${classes} classes, because of "${text}" on line ${line}; write age:number in the ` +
    "first line to have numbers or an error";
  assert.equal(typed(["1", "2", "x"]).note, because("x", 4, 3));
  assert.equal(typed(["1", "NaN", "inf"]).note, because("inf", 4, 3));
  assert.equal(typed(["1,234", "5,678"], { commas: true }).note, because("1,234", 2, 2));
  assert.equal(typed(["1,5", "2,5", "x"], { commas: true }).note, because("x", 4, 3));
  for (const text of ["50%", "$5", "1,234", "1 234", "1'234.5", "12345678901234567890"]) {
    assert.equal(typed([text, "60"]).note, because(text, 2, 2));
  }
  for (const text of ["\u22125", "-inf", "1_000", "\uff11\uff12"]) {
    assert.equal(typed([text, "60", text]).note, because(text, 2, 2));
  }
  assert.equal(typed(["x", "y", "y"]).note, "label age: 2 classes");
  assert.equal(typed(["x", "y", "z"]).note, "label age: 3 classes, every value another");
});

Deno.test("typeColumn() does as the header says, or names the cell", () => {
  assert.deepEqual(typed(["1", "2"], { stated: "class" }).values, ["1", "2"]);
  assert.deepEqual(typed(["1", "NA"], { stated: "number" }).values, [1, null]);
  assert.equal(typed(["", ""], { stated: "number" }).note, "label age: numbers, all missing");
  assert.throws(
    () => typed(["1", "x"], { stated: "number" }),
    (error) => error instanceof NotANumber && error.cell.line === 3 && error.cell.text === "x",
  );
});

Deno.test("typeColumn() gives every cell back, as its number or word for word", () => {
  const cell = fc.oneof(
    fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
    fc.string({ unit: fc.constantFrom("1", "0", ",", ".", "-", "e", "x", " "), maxLength: 6 }),
  );
  fc.assert(fc.property(fc.array(cell, { maxLength: 4 }), fc.boolean(), (texts, commas) => {
    const { type, values } = typed(texts, { commas });
    for (const [index, text] of texts.entries()) {
      const value = values[index];
      if (value === null) assert.match(text, /^[ .-]*$/);
      else if (type === "class") assert.equal(value, text);
      else {
        const numeral = commas && text.includes(",")
          ? text.replaceAll(".", "").replace(",", ".")
          : text;
        assert.equal(value, Number(numeral));
      }
    }
  }));
});
