/** Labels of images as text. */
import type { Labels } from "../labels.ts";
import { someOf } from "../quarantine.ts";

const SPLIT_NAMES = ["train", "training", "test", "testing", "val", "valid", "validation"];

/** Classes that may be spellings of the same one. */
function alike(classes: readonly string[]): readonly string[] {
  const groups = new Map<string, string[]>();
  for (const name of classes) {
    const key = name.normalize("NFKC").replace(/\p{Cf}/gu, "").replace(/\s+/g, " ").trim()
      .toLowerCase();
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [name]);
    else group.push(name);
  }
  return [...groups.values()].filter(({ length }) => length > 1).map((group) =>
    group.map((name) => `"${name}"`).join(" and ")
  );
}

/** One line for each guess, each ignored or unmatched row or column, and each label. */
export function describeLabels(labels: Labels): string[] {
  const { columns, notes, table, rowsWithoutImage, imagesWithoutRow } = labels;
  const lines = [...notes];
  for (const { name, classes = [] } of columns) {
    const pairs = alike(classes);
    if (pairs.length === 0) continue;
    lines.push(
      `label ${name} has classes that differ in letter case, spaces, unseen signs or composition only: ${
        someOf(pairs)
      }`,
    );
  }
  const folders = columns.find(({ name }) => name === "class")?.classes ?? [];
  if (folders.length > 0 && folders.every((name) => SPLIT_NAMES.includes(name.toLowerCase()))) {
    lines.push(
      `the classes are called ${
        folders.join(", ")
      }: to shard one split, give its folder as --images`,
    );
  }
  if (rowsWithoutImage.length > 0) {
    lines.push(
      `${table}: ${rowsWithoutImage.length} rows belong to no image: ${someOf(rowsWithoutImage)}`,
    );
  }
  if (imagesWithoutRow.length > 0) {
    lines.push(
      `${table}: ${imagesWithoutRow.length} images have no row: ${someOf(imagesWithoutRow)}`,
    );
  }
  return lines;
}
