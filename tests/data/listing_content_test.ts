import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type FolderRecord,
  folderRecord,
  ImageContents,
  recallContents,
} from "../../lib/data/listing/content.ts";
import { listImages } from "../../lib/data/listing.ts";
import { temporaryFolder, writePicture } from "../images/pictures.ts";

/** Two images of a known time, and what a receipt would record of them. */
async function makeFolder(root: string): Promise<FolderRecord> {
  for (const name of ["a", "b"]) {
    await writePicture(join(root, `${name}.jpg`), name.repeat(2000));
    await Deno.utime(join(root, `${name}.jpg`), 1000, 1000);
  }
  const listing = await listImages(root);
  return folderRecord(listing, await new ImageContents(listing, root).sha256());
}

/** What is recalled now, and whether images were read for it. */
async function recall(root: string, earlier: FolderRecord): Promise<[string | undefined, boolean]> {
  let compared = false;
  const onCompare = () => compared = true;
  const listing = await listImages(root);
  return [await recallContents(listing, { root, earlier, onCompare }), compared];
}

Deno.test("recallContents() reads nothing while times are equal", async () => {
  await using folder = await temporaryFolder();
  const earlier = await makeFolder(folder.path);
  assert.deepEqual(await recall(folder.path, earlier), [earlier.sha256, false]);
  // A changed file of the same size and time is not noticed: that is what "not read" means.
  await Deno.writeTextFile(join(folder.path, "a.jpg"), "c".repeat(2000));
  await Deno.utime(join(folder.path, "a.jpg"), 1000, 1000);
  assert.deepEqual(await recall(folder.path, earlier), [earlier.sha256, false]);
});

Deno.test("recallContents() compares contents where only times differ", async () => {
  await using folder = await temporaryFolder();
  const earlier = await makeFolder(folder.path);
  await Deno.utime(join(folder.path, "a.jpg"), 1000, 2000);
  assert.deepEqual(await recall(folder.path, earlier), [earlier.sha256, true]);
  await Deno.writeTextFile(join(folder.path, "a.jpg"), "c".repeat(2000));
  const [sha256, compared] = await recall(folder.path, earlier);
  assert.ok(compared);
  assert.match(sha256!, /^[0-9a-f]{64}$/);
  assert.notEqual(sha256, earlier.sha256);
});

Deno.test("recallContents() reads nothing where names or sizes differ", async () => {
  await using folder = await temporaryFolder();
  const earlier = await makeFolder(folder.path);
  await Deno.rename(join(folder.path, "a.jpg"), join(folder.path, "c.jpg"));
  assert.deepEqual(await recall(folder.path, earlier), [undefined, false]);
  await Deno.rename(join(folder.path, "c.jpg"), join(folder.path, "a.jpg"));
  await Deno.truncate(join(folder.path, "a.jpg"), 1999);
  assert.deepEqual(await recall(folder.path, earlier), [undefined, false]);
});

Deno.test("recallContents() knows records of earlier versions by their times", async () => {
  await using folder = await temporaryFolder();
  await makeFolder(folder.path);
  const { fingerprint } = await listImages(folder.path);
  assert.deepEqual(await recall(folder.path, { sha256: fingerprint }), [fingerprint, false]);
  await Deno.utime(join(folder.path, "a.jpg"), 1000, 2000);
  assert.deepEqual(await recall(folder.path, { sha256: fingerprint }), [undefined, false]);
});

Deno.test("ImageContents gives the same sum for images that were read before", async () => {
  await using folder = await temporaryFolder();
  const { sha256 } = await makeFolder(folder.path);
  const contents = new ImageContents(await listImages(folder.path), folder.path);
  contents.add("b.jpg", new TextEncoder().encode("b".repeat(2000)));
  assert.equal(await contents.sha256(), sha256);
  const gone = new ImageContents(await listImages(folder.path), folder.path);
  await Deno.remove(join(folder.path, "a.jpg"));
  assert.notEqual(await gone.sha256(), sha256);
});
