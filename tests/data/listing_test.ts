import assert from "node:assert/strict";
import { join } from "node:path";
import { Failure } from "../../lib/failure.ts";
import { type ImageListing, isInside, listImages } from "../../lib/data/listing.ts";
import { describeListing, expectWholeListing } from "../../lib/data/listing/report.ts";
import { makeOddNames } from "./odd_names.ts";
import { plain, temporaryFolder, writePicture } from "../images/pictures.ts";

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

/** Folders of one image each, every one with links to all others. */
async function makeMaze(root: string, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `f${String(index).padStart(2, "0")}`);
  for (const name of names) {
    await writePicture(join(root, name, "1.jpg"), JPEG);
    for (const other of names) {
      if (other !== name) await Deno.symlink(`../${other}`, join(root, name, `to-${other}`));
    }
  }
}

Deno.test("listImages() lists each folder of a maze of links once", async () => {
  await using folder = await temporaryFolder();
  await makeMaze(join(folder.path, "photos"), 12);
  const inside = await listImages(join(folder.path, "photos"));
  assert.equal(inside.images.length, 12);
  assert.equal(inside.repeats.length, 12 * 11);
  assert.deepEqual([inside.loops, inside.followed], [[], []]);
  assert.deepEqual(describeListing(inside).slice(1), [
    "links to folders that are listed by another path, not followed: f00/to-f01, f00/to-f02, f00/to-f03 " +
    "and 129 more",
  ]);
  // The same maze behind a link: every folder under the first path that leads to it.
  await Deno.mkdir(join(folder.path, "linked"));
  await Deno.symlink("../photos/f05", join(folder.path, "linked/start"));
  const outside = await listImages(join(folder.path, "linked"));
  assert.equal(outside.images.length, 12);
  assert.deepEqual(pathsOf(outside).slice(0, 2), ["start/1.jpg", "start/to-f00/1.jpg"]);
  assert.equal(outside.followed.length, 12);
});

Deno.test("listImages() follows no link to a folder that holds the images", async () => {
  await using folder = await temporaryFolder();
  await writePicture(join(folder.path, "photos/cat/1.jpg"), JPEG);
  await writePicture(join(folder.path, "other/2.jpg"), JPEG);
  await Deno.symlink("/", join(folder.path, "photos/cat/machine"));
  await Deno.symlink(folder.path, join(folder.path, "photos/above"));
  await Deno.symlink(folder.path, join(folder.path, "other/back"));
  await Deno.symlink("../other", join(folder.path, "photos/a"));
  await Deno.symlink("../other", join(folder.path, "photos/b"));
  const listing = await listImages(join(folder.path, "photos"));
  assert.deepEqual(pathsOf(listing), ["a/2.jpg", "cat/1.jpg"]);
  assert.deepEqual(listing.loops, ["a/back", "above", "cat/machine"]);
  assert.deepEqual([listing.followed, listing.repeats], [["a"], ["b"]]);
});

Deno.test("listImages() gives a folder its own path, also when a link to it comes first", async () => {
  await using folder = await temporaryFolder();
  await writePicture(join(folder.path, "z/deep/1.jpg"), JPEG);
  await Deno.symlink("z/deep", join(folder.path, "a"));
  await Deno.mkdir(join(folder.path, ".store"));
  await writePicture(join(folder.path, ".store/2.jpg"), JPEG);
  await Deno.symlink(".store", join(folder.path, "b"));
  await Deno.link(join(folder.path, "z/deep/1.jpg"), join(folder.path, "same.jpg"));
  await Deno.symlink("same.jpg", join(folder.path, "again.jpg"));
  const listing = await listImages(folder.path);
  assert.deepEqual(pathsOf(listing), ["again.jpg", "b/2.jpg", "same.jpg", "z/deep/1.jpg"]);
  assert.deepEqual([listing.repeats, listing.followed], [["a"], ["b"]]);
});

Deno.test("listImages() passes over thumbnails, recycle bins and what else systems leave behind", async () => {
  await using folder = await temporaryFolder();
  const left = ["@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "#recycle/1.jpg", "$RECYCLE.BIN/S-1-5/1.jpg"]
    .concat(["System Volume Information/1.jpg", "lost+found/1.jpg", "__MACOSX/1.jpg"])
    .concat([
      "@Recycle/1.jpg",
      "#snapshot/1.jpg",
      "@tmp/1.jpg",
      "found.000/1.jpg",
      "RECYCLER/1.jpg",
    ])
    .concat(["@GMT-2024.01.01-00.00.00/1.jpg", "LOST.DIR/1.jpg", "~snapshot/1.jpg", "Thumbs.db"]);
  const hidden = [".Trash-1000/1.jpg", ".@__thumb/1.jpg", "._x.jpg", ".ipynb_checkpoints/1.jpg"];
  const kept = ["recycled/1.jpg", "trash/2.jpg", "@home/3.jpg", "#1/4.jpg", "founded.jpg"];
  for (const file of [...left, ...hidden, ...kept]) {
    await writePicture(join(folder.path, "trip", file), JPEG);
  }
  const listing = await listImages(folder.path);
  assert.deepEqual(pathsOf(listing), kept.map((file) => `trip/${file}`).sort());
  assert.deepEqual([listing.ofSystems.count, listing.hidden.count], [left.length, hidden.length]);
  assert.deepEqual(describeListing(listing), [
    "5 images, 0 other files passed over",
    "hidden, passed over: trip/.@__thumb, trip/.Trash-1000, trip/._x.jpg and 1 more",
    "thumbnails, recycle bins and the like of systems, passed over: trip/#recycle, trip/#snapshot, " +
    "trip/$RECYCLE.BIN and 12 more",
  ]);
});

Deno.test("listImages() names the pointers that stand in for images", async () => {
  await using folder = await temporaryFolder();
  const lfs = `version https://git-lfs.github.com/spec/v1\noid sha256:${
    "0".repeat(64)
  }\nsize 12345\n`;
  await writePicture(join(folder.path, "1.jpg"), lfs);
  await writePicture(join(folder.path, "no-extension"), lfs);
  await writePicture(join(folder.path, "table.csv"), lfs);
  await writePicture(join(folder.path, "2.png"), "/annex/objects/SHA256E-s1--00.png\n");
  await writePicture(join(folder.path, "3.jpg"), "version 2 of nothing");
  await writePicture(join(folder.path, "4.jpg"), `${lfs}${" ".repeat(1024)}`);
  const listing = await listImages(folder.path);
  assert.deepEqual(listing.unreadable, [
    { path: "1.jpg", reason: "a Git LFS pointer, run git lfs pull" },
    { path: "2.png", reason: "a git-annex pointer, run git annex get" },
    { path: "no-extension", reason: "a Git LFS pointer, run git lfs pull" },
  ]);
  assert.deepEqual(pathsOf(listing), ["3.jpg", "4.jpg"]);
  assert.equal(listing.ignored, 1);
});

const NOT_UTF8 = "its name is not UTF-8, rename it";

Deno.test("listImages() keeps what has a name that is not UTF-8", async () => {
  await using folder = await temporaryFolder();
  await writePicture(join(folder.path, "cat/caf\ufffd.jpg"), JPEG);
  await writePicture(join(folder.path, "p\ufffdivi/1.jpg"), JPEG);
  const made = await makeOddNames(folder.path, [
    'mkdir "$1/$(printf "p\\344ivi")" "$1/$(printf ".p\\344ivi")"',
    'ln -s cat "$1/$(printf "l\\344nk")"',
    ': > "$1/cat/$(printf "caf\\351.jpg")"',
    ': > "$1/cat/$(printf "caf\\352.jpg")"',
    ': > "$1/cat/$(printf "notes\\351.txt")"',
    ': > "$1/cat/$(printf "caf\\351")"',
  ]);
  if (!made) return;
  const listing = await listImages(folder.path);
  assert.deepEqual(pathsOf(listing), ["cat/caf\ufffd.jpg", "p\ufffdivi/1.jpg"]);
  assert.deepEqual(listing.unreadableFolders, [
    { path: "l\ufffdnk", reason: NOT_UTF8 },
    { path: "p\ufffdivi/", reason: NOT_UTF8 },
  ]);
  assert.deepEqual(listing.unreadable, [
    { path: "cat/caf\ufffd", reason: NOT_UTF8 },
    { path: "cat/caf\ufffd.jpg", reason: NOT_UTF8 },
    { path: "cat/caf\ufffd.jpg", reason: NOT_UTF8 },
  ]);
  assert.deepEqual([listing.ignored, listing.hidden.count], [1, 1]);
});

Deno.test("listImages() counts a dead link as what its name says", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["cat.jpg", "notes.txt", "movie.mp4", "dog", "v1.2", "2021.05"]) {
    await Deno.symlink("nowhere", join(folder.path, name));
  }
  await Deno.symlink("circle", join(folder.path, "circle"));
  const listing = await listImages(folder.path);
  const nowhere = "a link that leads nowhere";
  assert.deepEqual(listing.unreadable, [{ path: "cat.jpg", reason: nowhere }]);
  assert.deepEqual(listing.unreadableFolders, [
    { path: "2021.05", reason: nowhere },
    { path: "circle", reason: "not readable: its links lead in a circle" },
    { path: "dog", reason: nowhere },
    { path: "v1.2", reason: nowhere },
  ]);
  assert.deepEqual({ ...listing.deadLinks }, { count: 2, examples: ["movie.mp4", "notes.txt"] });
});

Deno.test("listImages() takes any name and has a bound on their number", async () => {
  await using folder = await temporaryFolder();
  const names = [
    "new\nline.jpg",
    "tab\t.jpg",
    '"quoted".jpg',
    "-rf.jpg",
    " spaces .jpg",
    "\x1b[31m.jpg",
  ]
    .concat(["caf\u00e9.jpg", "cafe\u0301.jpg", "Cat.jpg", "cat.jpg", `${"x".repeat(250)}.jpg`]);
  for (const name of names) await writePicture(join(folder.path, name), JPEG);
  assert.deepEqual(pathsOf(await listImages(folder.path)), names.sort());
  assert.equal((await listImages(folder.path, { mostImages: 11 })).images.length, 11);
  await assert.rejects(
    listImages(folder.path, { mostImages: 10 }),
    new Failure(
      "data",
      `Cannot read images: "${folder.path}" holds more than 10 images, give the folders in it one by one`,
    ),
  );
});

Deno.test("expectWholeListing() fails with the list of folders that cannot be looked into", async () => {
  await using folder = await temporaryFolder();
  const out = join(folder.path, "out");
  const listing: ImageListing = {
    ...await listImages(folder.path),
    unreadableFolders: ["a/", "b/", "c/", "d/"].map((path) => ({ path, reason: "why" })),
  };
  await assert.rejects(
    expectWholeListing(listing, { root: "photos", out }),
    new Failure(
      "data",
      'Cannot read images: 4 folders in "photos" cannot be looked into, so the number of missing images is unknown ' +
        'and no --max-bad-fraction allows it: "a/" (why), "b/" (why), "c/" (why) and 1 more; mend that, or move it ' +
        `out of the images folder; all are listed in "${out}.quarantine.jsonl"`,
    ),
  );
  const lines = (await Deno.readTextFile(`${out}.quarantine.jsonl`)).trim().split("\n");
  assert.deepEqual(lines.map((line) => JSON.parse(line)), listing.unreadableFolders);
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
