/** Tables of labels as they are found in the wild: own content in the shapes of public ones. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describeLabels } from "../../lib/data/labels/report.ts";
import { collectLabels, type Labels } from "../../lib/data/labels.ts";
import { Failure, messageOf } from "../../lib/failure.ts";
import { temporaryFolder } from "../images/pictures.ts";

const IMAGES = Array.from({ length: 20 }, (_, index) => `${String(index).padStart(6, "0")}.jpg`);

function tableOf(header: string | undefined, row: (path: string, index: number) => string): string {
  return [...(header === undefined ? [] : [header]), ...IMAGES.map(row)].join("\n") + "\n";
}

/** @param found the table was found, not given */
async function labelsFrom(
  table: string | Uint8Array,
  { images = IMAGES, found = false }: { images?: readonly string[]; found?: boolean } = {},
): Promise<Labels> {
  await using folder = await temporaryFolder();
  const csv = join(folder.path, "t.csv");
  await Deno.writeFile(csv, typeof table === "string" ? new TextEncoder().encode(table) : table);
  const hide = (text: string) => text.replaceAll(`${folder.path}/`, "");
  try {
    const labels = await collectLabels(images, { root: folder.path, csv, given: !found });
    return { ...labels, notes: labels.notes.map(hide) };
  } catch (error) {
    assert.ok(error instanceof Failure, messageOf(error));
    throw new Failure(error.kind, hide(error.message));
  }
}

Deno.test("collectLabels() finds the column that names the images", async () => {
  for (const name of ["image_name", "filename", "file", "id", "anything"]) {
    const labels = await labelsFrom(
      tableOf(`kind,${name}`, (path, index) => `k${index % 2},${path}`),
    );
    assert.deepEqual(labels.columns, [{ name: "kind", type: "class", classes: ["k0", "k1"] }]);
    assert.deepEqual(labels.valuesOf("000003.jpg"), { kind: "k1" });
    assert.deepEqual(labels.notes, [
      `t.csv: column "${name}" names the images`,
      "label kind: 2 classes",
    ]);
  }
  const several = await labelsFrom(
    tableOf("thumb,path,x", (path, index) => `${path},${path},${index}`),
  );
  assert.deepEqual(several.columns.map(({ name }) => name), ["thumb", "x"]);
  const elsewhere = await labelsFrom(tableOf("path,file,x", (path) => `/data/${path}x,${path},1`));
  assert.deepEqual(elsewhere.notes, [
    't.csv: column "file" names the images',
    't.csv: column 1 is called "path" but names no image, passed over',
    "label x: numbers from 1 to 1",
  ]);
});

Deno.test("collectLabels() takes a first line that names an image for no header", async () => {
  const labels = await labelsFrom(tableOf(undefined, (path, index) => `${path},${index % 3},m`));
  assert.deepEqual(labels.valuesOf("000000.jpg"), { label: 0, label2: "m" });
  assert.deepEqual(labels.notes, [
    "t.csv: the first line is no header, the columns are called label, label2",
    "label label: numbers from 0 to 2",
    "label label2: 1 class",
  ]);
  // Also where that very image is gone.
  const gone = await labelsFrom("gone.jpg,1\n000001.jpg,2\n");
  assert.deepEqual(gone.rowsWithoutImage, ["line 1: gone.jpg"]);
  assert.deepEqual(gone.valuesOf("000001.jpg"), { label: 2 });
  // A header stays one where an image has its name.
  const named = await labelsFrom("image,x\nimage.jpg,1\n000001.jpg,2\n", {
    images: ["image.jpg", "000001.jpg", "image"],
  });
  assert.deepEqual(named.columns.map(({ name }) => name), ["x"]);
  assert.deepEqual(named.valuesOf("image.jpg"), { x: 1 });
  const single = await labelsFrom("000001.jpg,cat\n");
  assert.deepEqual(single.valuesOf("000001.jpg"), { label: "cat" });
});

Deno.test("collectLabels() guesses paths with folders in front, names and identifiers, and says so", async () => {
  const guess = (name: string, how: string) =>
    `t.csv: guessed that column "${name}" names the images, each ${how}: it fits 20 of 20 rows`;
  const nested = IMAGES.map((path, index) => `${index % 2 ? "cup" : "dog"}/${path}`);
  const ways = [
    ["image_path", (path: string) => `dataset/dataset/${path}`, "by the end of its path"],
    ["image", (path: string) => `C:\\data\\${path.replace("/", "\\")}`, "by the end of its path"],
    ["file", (path: string) => path.split("/")[1]!, "by the end of its path"],
    ["url", (path: string) => `https://x.org/all/${path.split("/")[1]}`, "by its file name alone"],
    ["id", (path: string) => path.split("/")[1]!.split(".")[0]!, "by its name without extension"],
    ["image_id", (path: string) => path.split(".")[0]!, "by its name without extension"],
    ["path", (path: string) => path.toUpperCase(), "without regard to letter case"],
  ] as const;
  for (const [name, cellOf, how] of ways) {
    for (const found of [false, true]) {
      const rows = nested.map((path, index) => `${cellOf(path)},${index}`);
      const labels = await labelsFrom([`${name},x`, ...rows].join("\n"), { images: nested, found });
      assert.deepEqual(labels.notes.slice(1, 2), [guess(name, how)]);
      assert.deepEqual(labels.valuesOf("cup/000003.jpg"), { class: "cup", x: 3 });
      assert.deepEqual(labels.imagesWithoutRow, []);
    }
  }
});

Deno.test("collectLabels() guesses nothing where two images would fit", async () => {
  const images = ["cat/1.jpg", "dog/1.jpg", "dog/2.jpg"];
  const labels = await labelsFrom("id,x\n1,5\n2,6\n", { images });
  assert.deepEqual(labels.rowsWithoutImage, ["line 2: 1"]);
  assert.deepEqual(images.map((path) => labels.valuesOf(path)["x"]), [null, null, 6]);
  const composed = ["caf\u00e9.jpg", "cafe\u0301.jpg"];
  const both = await labelsFrom(`path,x\n${composed[0]},1\n${composed[1]},2\n`, {
    images: composed,
  });
  assert.deepEqual(composed.map((path) => both.valuesOf(path)), [{ x: 1 }, { x: 2 }]);
  const cased = ["Cat.jpg", "cat.jpg"];
  const one = await labelsFrom("path,x\ncat.jpg,1\n", { images: cased });
  assert.deepEqual(cased.map((path) => one.valuesOf(path)["x"]), [null, 1]);
});

Deno.test("collectLabels() passes over a table that was found and cannot be used", async () => {
  const advice = "; mend it and give it with --labels, or give --no-labels";
  const first = "wanted a first line with column names and a line per image, got ";
  const none = (rows: number, path: string) =>
    `none of its ${rows} rows names an image, the first is "${path}", paths must be relative to the images folder`;
  const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
  const cases: readonly (readonly [string | Uint8Array, string])[] = [
    ["", `${first}an empty file`],
    ["IMG,class", `${first}only one line`],
    ["ClassId,Name\n0,red\n1,blue\n", none(2, "0")],
    ['<?xml version="1.0"?>\n<plist>\n<dict>\n</dict>\n', none(3, "<plist>")],
    [
      tableOf("name,kind", (path) => `${path},a\n${path},b`),
      '"000000.jpg" is on line 2 and again on line 3',
    ],
    ["path,a\n000001.jpg,1,2\n", "line 2 has 3 cells, wanted 2 as in the first line"],
    ['path,a\n000001.jpg,"1\n', "line 2 has a quote that is never closed"],
    ["path,a,a\n000001.jpg,1,2\n", 'column 3 repeats the name "a", rename it'],
    [
      "path,__proto__\n000001.jpg,1\n",
      'column 2 is called "__proto__", which is reserved, rename it',
    ],
    [
      `path${",a".repeat(40_000)}\n`,
      "line 1 has more than 1024 columns, leave out those that are no labels",
    ],
    [new Uint8Array([0x70, 0x2c, 0xe9, 0x0a]), "not UTF-8 text, save it as UTF-8"],
    [new Uint8Array([0xff, 0xfe, 0x70, 0x00]), "UTF-16 text, save it as UTF-8"],
    ["PK\x03\x04", "a workbook or an archive (zip), save the table as CSV in UTF-8"],
    ["p\0a\0", "no text (it holds zero bytes), save it as CSV in UTF-8"],
    [lfs, "a Git LFS pointer, run git lfs pull"],
  ];
  for (const [table, why] of cases) {
    const labels = await labelsFrom(table, { found: true });
    assert.deepEqual(labels.notes, [`t.csv is passed over: ${why}${advice}`]);
    assert.deepEqual([labels.table, labels.columns, labels.valuesOf("000001.jpg")], [
      undefined,
      [],
      {},
    ]);
    await assert.rejects(labelsFrom(table), (error) => {
      assert.ok(error instanceof Failure && error.kind === "data");
      assert.ok(error.message.endsWith(`"t.csv": ${why}`), error.message);
      return true;
    });
  }
});

Deno.test("collectLabels() takes a guess of a table that was found only where it fits rows and images", async () => {
  // Numbers of classes are names of numbered images too.
  const images = Array.from({ length: 10 }, (_, index) => `${index}.jpg`);
  const classes = "ClassId,Name\n0,red\n1,blue\n";
  assert.match(
    (await labelsFrom(classes, { images, found: true })).notes[0]!,
    /^t\.csv is passed over: none /,
  );
  const given = await labelsFrom(classes, { images });
  assert.equal(
    given.notes[0],
    't.csv: guessed that column "ClassId" names the images, each by its name without extension: it fits 2 of 2 rows',
  );
});

Deno.test("collectLabels() passes over the index of pandas and empty columns", async () => {
  const labels = await labelsFrom(
    tableOf(",path,x,", (path, index) => `${index},${path},${index},`),
  );
  assert.deepEqual(labels.columns, [{ name: "x", type: "number" }]);
  assert.deepEqual(labels.notes, [
    "t.csv: column 1 has no name and is an index or empty, passed over",
    "t.csv: column 4 has no name and is an index or empty, passed over",
    "label x: numbers from 0 to 19",
  ]);
});

Deno.test("collectLabels() passes over an index in any order, also under the name it has then", async () => {
  for (const name of ["", "Unnamed: 0"]) {
    const labels = await labelsFrom(
      tableOf(`${name},path,x`, (path, index) => `${99 - index},${path},1`),
    );
    assert.deepEqual(labels.columns, [{ name: "x", type: "number" }]);
  }
  const repeated = await labelsFrom(tableOf("Unnamed: 0,path", (path) => `7,${path}`));
  assert.deepEqual(repeated.columns, [{ name: "Unnamed: 0", type: "number" }]);
});

Deno.test("collectLabels() reads decimal commas by the delimiter, also where both would do", async () => {
  const semicolon = await labelsFrom(
    tableOf("path;age", (path, index) => `${path};${20 + index},5\r`),
  );
  assert.equal(semicolon.notes[0], "label age: numbers with decimal commas from 20.5 to 39.5");
  assert.deepEqual(semicolon.valuesOf("000004.jpg"), { age: 24.5 });
  const both = await labelsFrom(tableOf(undefined, (path, index) => `${path};${index},5;1,5`));
  assert.deepEqual(both.valuesOf("000004.jpg"), { label: 4.5, label2: 1.5 });
  const quoted = await labelsFrom(tableOf("path,age", (path, index) => `${path},"${index},5"`));
  assert.equal(quoted.columns[0]!.type, "class");
});

Deno.test("collectLabels() takes names that objects have, as columns and as classes", async () => {
  const labels = await labelsFrom("path,constructor,toString\n000001.jpg,__proto__,5\n");
  assert.deepEqual(labels.columns, [
    { name: "constructor", type: "class", classes: ["__proto__"] },
    { name: "toString", type: "number" },
  ]);
  assert.equal(
    JSON.stringify(labels.valuesOf("000001.jpg")),
    '{"constructor":"__proto__","toString":5}',
  );
  assert.equal(JSON.stringify(labels.valuesOf("gone.jpg")), '{"constructor":null,"toString":null}');
});

Deno.test("describeLabels() has one line for each label and one for each kind of rest", async () => {
  const wide = await labelsFrom(
    tableOf(
      ["path", ...Array.from({ length: 30 }, (_, index) => `c${index}`)].join(","),
      (path, index) => [path, ...Array(30).fill(index)].join(","),
    ) + `gone.jpg${",1".repeat(30)}\n`,
    { images: [...IMAGES, "new.jpg"] },
  );
  const lines = describeLabels({ ...wide, table: "t.csv" });
  assert.equal(lines.length, 23);
  assert.deepEqual(lines.slice(-4), [
    "label c19: numbers from 0 to 19",
    "label columns not described here: 10",
    "t.csv: 1 rows belong to no image: line 22: gone.jpg",
    "t.csv: 1 images have no row: new.jpg",
  ]);
  const folders = await collectLabels(["train/1.jpg", "test/2.jpg", "3.jpg"], {
    root: "photos",
    csv: undefined,
  });
  assert.deepEqual(describeLabels(folders), [
    "label class: 2 classes (folders), 1 missing",
    "the classes are called test, train: to shard one split, give its folder as --images",
  ]);
  const alike = await collectLabels([
    "Cat/1.jpg",
    "cat/2.jpg",
    "caf\u00e9/3.jpg",
    "cafe\u0301/4.jpg",
    "black  dog/5.jpg",
    "black dog\u200b/6.jpg",
  ], {
    root: "photos",
    csv: undefined,
  });
  assert.deepEqual(describeLabels(alike).slice(1), [
    "label class has classes that differ in letter case, spaces, unseen signs or composition only: " +
    '"Cat" and "cat", "black  dog" and "black dog\u200b", "cafe\u0301" and "caf\u00e9"',
  ]);
  const replaced = await labelsFrom("path,class\nx/a.jpg,tabby\n", {
    images: ["x/a.jpg", "y/b.jpg"],
  });
  assert.equal(replaced.notes[0], 't.csv: its column "class" takes the place of the folders');
});
