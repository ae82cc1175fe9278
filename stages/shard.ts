/** Folder of images → WebDataset tars with a manifest. See `deno task shard --help`. */
import { join, resolve } from "node:path";
import {
  expectUnchangedFiles,
  hashInput,
  makeArtifact,
  type Outcome,
  readReceipt,
} from "../lib/artifact/mod.ts";
import {
  type Command,
  type Context,
  expectInput,
  main,
  type Options,
  printMessage,
  Progress,
  VERSION,
} from "../lib/cli/mod.ts";
import {
  clsColumnOf,
  collectLabels,
  compareText,
  describeFaint,
  describeLabels,
  describeListing,
  expectFewBad,
  expectWholeListing,
  type FolderRecord,
  folderRecord,
  FolderSource,
  formatManifest,
  formatQuarantine,
  formatTimmInfo,
  ImageContents,
  isHeldOut,
  isInside,
  listImages,
  type Manifest,
  MANIFEST_FILE,
  openShards,
  packImages,
  QUARANTINE_FILE,
  recallContents,
} from "../lib/data/mod.ts";
import { Failure } from "../lib/failure.ts";

const FLAGS = {
  images: {
    type: "string",
    path: true,
    placeholder: "DIR",
    required: true,
    help: "folder of images, nested or flat",
  },
  out: {
    type: "string",
    path: true,
    placeholder: "SHARDS",
    required: true,
    help: "directory to make",
  },
  shardImages: {
    type: "integer",
    placeholder: "N",
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: "images in one tar file",
  },
  shorterSide: {
    type: "integer",
    placeholder: "PX",
    min: 1,
    max: 16_384,
    help:
      "shrink larger images to this shorter side, as JPEG; without it the original bytes are kept",
  },
  holdout: {
    type: "number",
    placeholder: "FRACTION",
    default: 0,
    min: 0,
    max: 1,
    help: "share of the images that goes to the split test instead of train",
  },
  labels: {
    type: "string",
    path: true,
    placeholder: "CSV",
    help: "table of labels by relative path; labels.csv at the root of the images needs no flag",
  },
  noLabels: { type: "boolean", help: "use no table, even if there is a labels.csv" },
  seed: {
    type: "integer",
    placeholder: "N",
    default: 0,
    min: 0,
    max: 0xffffffff,
    help: "decides the order of the images and the holdout",
  },
  maxBadFraction: {
    type: "number",
    placeholder: "F",
    default: 0.05,
    min: 0,
    max: 1,
    help: "fail when more than this share of the images cannot be decoded",
  },
  force: { type: "boolean", help: "replace shards that were made from something else" },
} as const;

type ShardOptions = Options<typeof FLAGS>;

const COMMAND = {
  name: "shard",
  summary: "checks every image of a folder and packs the good ones into WebDataset tars",
  flags: FLAGS,
  examples: [
    "deno task shard --images photos --out shards",
    "deno task shard --images photos --out shards --holdout 0.1 --shorter-side 256",
  ],
  details:
    `Reads JPEG, PNG, WebP, AVIF, GIF and TIFF (first frame or page). Two or more folders at the first level become
the label column "class". In a table of labels, a column of decimal numbers is a number, any other a class;
a header such as "digit:class" or "count:number" decides otherwise. A labels.csv that was not asked for and
cannot be used is passed over with a line.
Writes train-000000.tar ... (test-000000.tar ... with --holdout), manifest.json, _info.json (timm),
quarantine.jsonl (files left out, with reasons) and receipt.json.`,
} as const satisfies Command<typeof FLAGS>;

/** Images that are decoded at once; 4 to 8 keep two to sixteen cores busy. */
const IN_FLIGHT = 8;

function say(text: string): void {
  printMessage("shard", text);
}

async function expectFolders({ images, out }: ShardOptions): Promise<void> {
  const hint = images.includes("\ufffd")
    ? "its name is not UTF-8, rename it"
    : "give a folder of images";
  await expectInput(images, "read images", hint);
  if (!(await Deno.stat(images)).isDirectory) {
    throw new Failure("missing", `Cannot read images: "${images}" is a file, give its folder`);
  }
  if (isInside(await Deno.realPath(images), resolve(out))) {
    throw new Failure(
      "usage",
      `Cannot write the shards to "${out}": the images "${images}" lie in there and would be replaced, ` +
        `give another --out`,
    );
  }
}

/** `labels.csv` at the root of the images is used by default. */
async function labelsPath(options: ShardOptions): Promise<string | undefined> {
  const { images, labels, noLabels } = options;
  if (labels !== undefined && noLabels) {
    throw new Failure(
      "usage",
      `Cannot use --labels "${labels}" with --no-labels: give one of them`,
    );
  }
  if (labels !== undefined || noLabels) return labels;
  const own = join(images, "labels.csv");
  return await Deno.stat(own).then((info) => info.isFile, () => false) ? own : undefined;
}

/** The record of the images by an earlier run of this stage, if it is to be compared. */
async function recordedFolder({ out, force }: ShardOptions): Promise<FolderRecord | undefined> {
  if (force) return undefined;
  // Problems of the output are reported when it is written.
  const earlier = await readReceipt(out, "directory").catch(() => undefined);
  return earlier?.stage === "shard" ? earlier.inputs?.[0] : undefined;
}

function expectBothSides(
  { train, test, holdout }: { train: number; test: number; holdout: number },
): void {
  if (holdout === 0 || (train > 0 && test > 0)) return;
  throw new Failure(
    "usage",
    `Cannot split ${
      train + test
    } images with --holdout ${holdout}: got ${train} for train and ${test} ` +
      `for test, wanted at least one each, change --holdout or --seed or add images`,
  );
}

/** Packs a folder of images; see the file formats in `lib/data/manifest.ts`. */
export async function shard(options: ShardOptions, _context: Context): Promise<Outcome> {
  const { images: root, out, seed, holdout, shardImages, shorterSide, maxBadFraction } = options;
  await expectFolders(options);
  const csv = await labelsPath(options);
  const listing = await listImages(root, { exclude: [out, ...(csv === undefined ? [] : [csv])] });
  await expectWholeListing(listing, { root, out });
  const paths = listing.images.map(({ path }) => path);
  // A row for an unreadable file belongs to an image as well.
  const named = [...paths, ...listing.unreadable.map(({ path }) => path)].sort(compareText);
  const labels = await collectLabels(named, { root, csv, given: options.labels !== undefined });
  const test = paths.filter((path) => isHeldOut(path, { seed, holdoutFraction: holdout })).length;
  if (paths.length > 0) expectBothSides({ train: paths.length - test, test, holdout });
  const known = await recallContents(listing, {
    root,
    earlier: await recordedFolder(options),
    onCompare: () => say("the images have other times than before, comparing their contents"),
  });
  const contents = new ImageContents(listing, root), source = new FolderSource(root, listing);
  const tables = labels.table === undefined ? [] : [await hashInput(labels.table, "read labels")];
  const inputsWith = (sha256: string) => [
    { path: root, ...folderRecord(listing, sha256) },
    ...tables,
  ];
  const total = paths.length + listing.unreadable.length;

  return await makeArtifact({
    stage: "shard",
    version: VERSION,
    path: out,
    kind: "directory",
    config: { shardImages, shorterSide: shorterSide ?? null, holdout, seed, maxBadFraction },
    // Until the images are read, the hash over times is used, which never equals one of contents.
    inputs: inputsWith(known ?? source.fingerprint),
    inputsAfter: async () => inputsWith(await contents.sha256()),
    force: options.force,
  }, async (directory) => {
    for (const line of [...describeListing(listing), ...describeLabels(labels)]) say(line);
    await expectUnchangedFiles(root, `read images of "${root}"`); // Rendered scenes have a receipt.
    const clsColumn = clsColumnOf(labels);
    if (clsColumn !== undefined && clsColumn !== "class") {
      say(`the class in .cls members is that of label ${clsColumn}`);
    }
    const progress = new Progress({ stage: "shard", label: "packing", total, unit: "images" });
    const packed = await packImages({
      source,
      directory,
      labels,
      clsColumn,
      shardImages,
      shorterSide,
      holdoutFraction: holdout,
      seed,
      inFlight: IN_FLIGHT,
      onRead: (path, bytes) => contents.add(path, bytes),
      onProgress: (done, bad) => progress.update(done, bad > 0 ? `${bad} bad` : ""),
    });
    progress.close();
    for (const line of describeFaint(packed.faint)) say(line);
    const bad = [...listing.unreadable, ...packed.bad].sort((a, b) => compareText(a.path, b.path));
    await expectFewBad(bad, { total, out, maxBadFraction });
    const train = packed.splits["train"]!.images;
    expectBothSides({ train, test: packed.splits["test"]?.images ?? 0, holdout });
    const manifest: Manifest = {
      format: "ijepa-shards",
      version: 1,
      splits: packed.splits,
      labels: labels.columns,
      ...(clsColumn === undefined ? {} : { clsColumn }),
      channelMean: packed.channelMean,
      channelStd: packed.channelStd,
      quarantined: bad.length,
      seed,
      holdoutFraction: holdout,
      shorterSide: shorterSide ?? null,
    };
    await Deno.writeTextFile(join(directory, MANIFEST_FILE), formatManifest(manifest));
    await Deno.writeTextFile(
      join(directory, "_info.json"),
      formatTimmInfo(packed.splits),
    );
    await Deno.writeTextFile(join(directory, QUARANTINE_FILE), formatQuarantine(bad));
    await openShards(directory); // Checks that the result can be read.
    if (bad.length > 0) {
      say(
        `${bad.length} bad file${bad.length === 1 ? "" : "s"} left out, see "${
          join(out, QUARANTINE_FILE)
        }"`,
      );
    }
    const shards = Object.values(packed.splits).flatMap((split) => split.shards);
    return {
      images: shards.reduce((sum, { images }) => sum + images, 0),
      splits: Object.fromEntries(
        Object.entries(packed.splits).map(([name, { images }]) => [name, images]),
      ),
      shards: shards.length,
      bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
      labels: labels.columns.map(({ name }) => name),
      quarantined: bad.length,
      ignored: listing.ignored,
      rowsWithoutImage: labels.rowsWithoutImage.length,
      imagesWithoutRow: labels.imagesWithoutRow.length,
    };
  });
}

if (import.meta.main) await main(COMMAND, shard);
