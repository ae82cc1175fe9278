import assert from "node:assert/strict";
import { join } from "node:path";
import { isInside, listImages } from "../../lib/data/images.ts";
import { plain, temporaryFolder, writePicture } from "./pictures.ts";

const JPEG = await plain({ color: { r: 1, g: 2, b: 3 } }).jpeg().toBuffer();

function pathsOf(listing: { readonly images: readonly { readonly path: string }[] }): string[] {
  return listing.images.map(({ path }) => path);
}

Deno.test("listImages() finds images by extension and by content, sorted by path", async () => {
  await using folder = await temporaryFolder();
  const files = [
    "b/2.JPG",
    "b/deep/er/1.PnG",
    "a.webp",
    "Ünïcode/図 1.tiff",
    "no-extension",
    "B/0.avif",
  ];
  for (const file of files) await writePicture(join(folder.path, file), JPEG);
  for (const file of ["notes.txt", "b/table.csv", "empty"]) {
    await writePicture(join(folder.path, file), "");
  }
  for (const file of [".hidden.jpg", ".cache/1.jpg"]) {
    await writePicture(join(folder.path, file), JPEG);
  }
  const listing = await listImages(folder.path);
  const wanted = [
    "B/0.avif",
    "a.webp",
    "b/2.JPG",
    "b/deep/er/1.PnG",
    "no-extension",
    "Ünïcode/図 1.tiff",
  ];
  assert.deepEqual(pathsOf(listing), wanted);
  assert.equal(listing.ignored, 3);
  assert.deepEqual(listing.unreadable, []);
});

Deno.test("listImages() keeps images of formats that cannot be decoded, so that they are reported", async () => {
  await using folder = await temporaryFolder();
  const files = ["a.bmp", "b.HEIC", "drawing.svg", "bmp", "jpg", "camera.NEF"];
  for (const file of files) await writePicture(join(folder.path, file), "x");
  const listing = await listImages(folder.path);
  assert.deepEqual(pathsOf(listing), ["a.bmp", "b.HEIC"]);
  assert.deepEqual(listing.unreadable, [
    { path: "camera.NEF", reason: "a raw camera file, convert it to JPEG or TIFF first" },
  ]);
  assert.equal(listing.ignored, 3);
});

Deno.test("listImages() follows links, but not back into their own folder", async () => {
  await using folder = await temporaryFolder();
  await using elsewhere = await temporaryFolder();
  await writePicture(join(elsewhere.path, "1.jpg"), JPEG);
  await writePicture(join(folder.path, "cats/2.jpg"), JPEG);
  await Deno.symlink(elsewhere.path, join(folder.path, "linked"));
  await Deno.symlink("..", join(folder.path, "cats", "up"));
  await Deno.symlink(folder.path, join(folder.path, "self"));
  await Deno.symlink("nowhere", join(folder.path, "dead.jpg"));
  await Deno.symlink("nowhere", join(folder.path, "dead.txt"));
  const listing = await listImages(folder.path);
  assert.deepEqual(pathsOf(listing), ["cats/2.jpg", "linked/1.jpg"]);
  assert.deepEqual(listing.loops, ["cats/up", "self"]);
  assert.deepEqual(listing.unreadable, [{ path: "dead.jpg", reason: "a link that leads nowhere" }]);
  assert.equal(listing.ignored, 1);
});

Deno.test("listImages() does not wait for a pipe", async () => {
  await using folder = await temporaryFolder();
  const pipe = join(folder.path, "pipe.jpg");
  assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  assert.deepEqual((await listImages(folder.path)).unreadable, [
    { path: "pipe.jpg", reason: "not a regular file" },
  ]);
});

Deno.test("listImages() leaves out what it is told to", async () => {
  await using folder = await temporaryFolder();
  for (const file of ["1.jpg", "out/2.jpg", "outer/3.jpg"]) {
    await writePicture(join(folder.path, file), JPEG);
  }
  await writePicture(join(folder.path, "labels.csv"), "path\n");
  const listing = await listImages(folder.path, {
    exclude: ["out", "labels.csv", "missing"].map((name) => join(folder.path, name)),
  });
  assert.deepEqual(pathsOf(listing), ["1.jpg", "outer/3.jpg"]);
  assert.equal(listing.ignored, 0);
});

Deno.test("listImages() has another fingerprint after a change of name, size or time", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "1.jpg");
  const fingerprint = async () => (await listImages(folder.path)).fingerprint;
  await writePicture(file, JPEG);
  await Deno.utime(file, 1000, 1000);
  const first = await fingerprint();
  assert.equal(await fingerprint(), first);
  await writePicture(join(folder.path, "notes.txt"), "not an image");
  assert.equal(await fingerprint(), first);
  await Deno.utime(file, 1000, 2000);
  const touched = await fingerprint();
  await writePicture(file, JPEG.subarray(1));
  await Deno.utime(file, 1000, 2000);
  const shorter = await fingerprint();
  await Deno.rename(file, join(folder.path, "2.jpg"));
  assert.equal(new Set([first, touched, shorter, await fingerprint()]).size, 4);
});

Deno.test("isInside() knows a folder from one whose name begins alike", () => {
  assert.equal(isInside("/a/b", "/a"), true);
  assert.equal(isInside("/a", "/a"), true);
  assert.equal(isInside("/ab", "/a"), false);
  assert.equal(isInside("/a", "/a/b"), false);
  assert.equal(isInside("/a/..b", "/a"), true);
});
