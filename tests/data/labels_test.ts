import assert from "node:assert/strict";
import { join } from "node:path";
import { clsColumnOf, collectLabels, type Labels } from "../../lib/data/labels.ts";
import { Failure, messageOf } from "../../lib/failure.ts";
import { temporaryFolder } from "../images/pictures.ts";

async function labelsFrom(table: string | Uint8Array, images: readonly string[]): Promise<Labels> {
  await using folder = await temporaryFolder();
  const csv = join(folder.path, "t.csv");
  await Deno.writeFile(csv, typeof table === "string" ? new TextEncoder().encode(table) : table);
  try {
    return await collectLabels(images, { root: folder.path, csv });
  } catch (error) {
    assert.ok(error instanceof Failure, messageOf(error));
    throw new Failure(error.kind, error.message.replaceAll(folder.path + "/", ""));
  }
}

async function refusal(table: string | Uint8Array): Promise<string> {
  return await labelsFrom(table, ["a.jpg"]).then(() => "accepted", messageOf);
}

Deno.test("collectLabels() makes classes of the folders at the first level", async () => {
  const images = ["cat/1.jpg", "dog/deep/2.jpg", "3.jpg"];
  const labels = await collectLabels(images, { root: "photos", csv: undefined });
  assert.deepEqual(labels.columns, [{ name: "class", type: "class", classes: ["cat", "dog"] }]);
  assert.deepEqual(images.map((path) => labels.valuesOf(path)), [
    { class: "cat" },
    { class: "dog" },
    { class: null },
  ]);
});

Deno.test("clsColumnOf() takes the first column that has classes", async () => {
  const none = await labelsFrom("path,a\n1.jpg,\n", ["1.jpg"]);
  assert.equal(clsColumnOf(none), undefined);
  const second = await labelsFrom("path,a,b\n1.jpg,,x\n", ["1.jpg"]);
  assert.equal(clsColumnOf(second), "b");
});

Deno.test("collectLabels() makes no class of one folder or none", async () => {
  for (const images of [["images/1.jpg", "images/2.jpg"], ["1.jpg"], ["images/1.jpg", "2.jpg"]]) {
    const labels = await collectLabels(images, { root: "photos", csv: undefined });
    assert.deepEqual(labels.columns, []);
    assert.deepEqual(labels.valuesOf(images[0]!), {});
  }
});

Deno.test("collectLabels() tells numbers from classes", async () => {
  const table = "path,shape,objects,distance,zip,empty,mixed,digit:Class,score:number\n" +
    "a.jpg,star,2,1.5e-1,01234,,1,7,3\n" +
    "b.jpg,circle,4,-.5,10115,,x,3,\n";
  const labels = await labelsFrom(table, ["a.jpg", "b.jpg"]);
  assert.deepEqual(labels.columns, [
    { name: "shape", type: "class", classes: ["circle", "star"] },
    { name: "objects", type: "number" },
    { name: "distance", type: "number" },
    { name: "zip", type: "class", classes: ["01234", "10115"] },
    { name: "empty", type: "class", classes: [] },
    { name: "mixed", type: "class", classes: ["1", "x"] },
    { name: "digit", type: "class", classes: ["3", "7"] },
    { name: "score", type: "number" },
  ]);
  assert.deepEqual(labels.valuesOf("b.jpg"), {
    shape: "circle",
    objects: 4,
    distance: -0.5,
    zip: "10115",
    empty: null,
    mixed: "x",
    digit: "3",
    score: null,
  });
});

Deno.test("collectLabels() finds images however their path is written", async () => {
  const decomposed = "caf\u0065\u0301.jpg", composed = "caf\u00e9.jpg";
  const table = `size,path\n1,./x/a.jpg\n2,x\\b.jpg\n3,${composed}\n`;
  const labels = await labelsFrom(table, ["x/a.jpg", "x/b.jpg", decomposed]);
  const sizes = ["x/a.jpg", "x/b.jpg", decomposed].map((path) => labels.valuesOf(path));
  assert.deepEqual(sizes, [{ size: 1 }, { size: 2 }, { size: 3 }]);
});

Deno.test("collectLabels() tells which rows and images are left over", async () => {
  const labels = await labelsFrom("file,a\na.jpg,1\ngone.jpg,2\n", ["a.jpg", "new.jpg"]);
  assert.deepEqual(labels.rowsWithoutImage, ["line 3: gone.jpg"]);
  assert.deepEqual(labels.imagesWithoutRow, ["new.jpg"]);
  assert.deepEqual(labels.valuesOf("new.jpg"), { a: null });
});

Deno.test("collectLabels() prefers a class column of the table to the folders", async () => {
  const labels = await labelsFrom("path,class\nx/a.jpg,tabby\n", ["x/a.jpg", "y/b.jpg"]);
  assert.deepEqual(labels.columns, [{ name: "class", type: "class", classes: ["tabby"] }]);
  assert.deepEqual(labels.valuesOf("y/b.jpg"), { class: null });
});

Deno.test("collectLabels() names what is wrong with a table", async () => {
  const start = 'Cannot read the labels "t.csv": ';
  const empty = "wanted a first line with column names and a line per image, got ";
  assert.equal(await refusal(""), `${start}${empty}an empty file`);
  assert.equal(await refusal("path,a\n"), `${start}${empty}only one line`);
  assert.equal(
    await refusal("path,a\na.jpg,1,2\n"),
    `${start}line 2 has 3 cells, wanted 2 as in the first line`,
  );
  assert.equal(
    await refusal("path,a\na.jpg,1\n./a.jpg,2\n"),
    `${start}"a.jpg" is on line 2 and again on line 3`,
  );
  assert.equal(
    await refusal("path,\na.jpg,1\n"),
    `${start}column 2 has no name, give every column a name in the first line`,
  );
  assert.equal(
    await refusal("path,embedding\na.jpg,1\n"),
    `${start}column 2 is called "embedding", which is reserved, rename it`,
  );
  assert.equal(
    await refusal("path,a,a\na.jpg,1,2\n"),
    `${start}column 3 repeats the name "a", rename it`,
  );
  assert.equal(
    await refusal("path,a:number\na.jpg,big\n"),
    `${start}line 2 wants a number for "a:number", got "big"`,
  );
  assert.equal(
    await refusal(new Uint8Array([0x70, 0x2c, 0xe9, 0x0a])),
    `${start}not UTF-8 text, save it as UTF-8`,
  );
  assert.equal(
    await refusal("path,a\nphotos/c.jpg,1\nphotos/b.jpg,1\n"),
    'Cannot use the labels "t.csv": none of its 2 rows names an image, the first is "photos/c.jpg", ' +
      "paths must be relative to the images folder",
  );
});

Deno.test("collectLabels() names a table that does not exist", async () => {
  const error = await collectLabels(["a.jpg"], { root: "photos", csv: "no/labels.csv" })
    .catch((error) => error);
  assert.ok(error instanceof Failure && error.kind === "missing");
  assert.equal(
    error.message,
    'Cannot read the labels "no/labels.csv": the file does not exist, give another --labels',
  );
});
