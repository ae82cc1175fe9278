/** Lists the images of a folder, with everything that was left out. */
import { resolve } from "node:path";
import { sha256Lines } from "../files/mod.ts";
import { type BadFile, type ImageFile, Lister, type Tally } from "./listing/lister.ts";
import { compareText } from "./listing/paths.ts";

export type { BadFile, ImageFile, Tally } from "./listing/lister.ts";
export { compareText, isInside } from "./listing/paths.ts";

/** The contents of a folder of images. Every list is sorted by path, by code unit. */
export interface ImageListing {
  readonly images: readonly ImageFile[];
  /** Files that cannot be read and may be images. */
  readonly unreadable: readonly BadFile[];
  /**
   * Folders that cannot be read: how many images they hold is unknown. Paths of folders end in `/`, those of links do
   * not.
   */
  readonly unreadableFolders: readonly BadFile[];
  /** Number of visible files that are no images. */
  readonly ignored: number;
  /** Files and folders whose names begin with a dot. */
  readonly hidden: Tally;
  /** Files and folders of systems: thumbnails, recycle bins, snapshots. */
  readonly ofSystems: Tally;
  /** Dead links that have names of other files. */
  readonly deadLinks: Tally;
  /** Links to the images folder or to one that holds it, not followed. */
  readonly loops: readonly string[];
  /** Links to folders, and folders in linked ones, that are listed under another path, not followed. */
  readonly repeats: readonly string[];
  /** Links to folders elsewhere, followed. */
  readonly followed: readonly string[];
  /** SHA-256 over paths and sizes. */
  readonly outline: string;
  /** SHA-256 over paths, sizes and times: changes when an image is touched. */
  readonly fingerprint: string;
}

/** Labels and keys are kept in maps, and one map holds 2^24 entries. */
const MOST_IMAGES = 16e6;

function* linesOf(
  { images, unreadable }: Pick<ImageListing, "images" | "unreadable">,
  line: (image: ImageFile) => readonly (string | number)[],
): Iterable<string> {
  for (const image of images) yield JSON.stringify(line(image));
  for (const { path, reason } of unreadable) yield JSON.stringify([path, reason]);
}

/**
 * Lists all images below a folder. Hidden files and folders, and those of systems, are only counted. Each real folder
 * is listed once, under its own path where it has one; links to folders elsewhere are followed, never to one that holds
 * the images folder.
 *
 * @param exclude files and folders to leave out, for example the output of an earlier run
 * @throws {Failure} `missing`: the folder itself cannot be read; `data`: it holds more than `mostImages`
 */
export async function listImages(
  root: string,
  { exclude = [], mostImages = MOST_IMAGES }: {
    readonly exclude?: readonly string[];
    readonly mostImages?: number;
  } = {},
): Promise<ImageListing> {
  const excluded = await Promise.all(
    exclude.map((path) => Deno.realPath(path).catch(() => resolve(path))),
  );
  const lister = new Lister(await Deno.realPath(root), excluded, mostImages);
  await lister.list();
  const byPath = (a: { readonly path: string }, b: { readonly path: string }) =>
    compareText(a.path, b.path);
  const files = {
    images: lister.images.sort(byPath),
    unreadable: lister.unreadable.sort(byPath),
  };
  const { ignored, hidden, ofSystems, deadLinks, followed } = lister;
  return {
    ...files,
    unreadableFolders: lister.unreadableFolders.sort(byPath),
    ignored,
    hidden,
    ofSystems,
    deadLinks,
    loops: lister.loops.sort(),
    repeats: lister.repeats.sort(),
    followed: followed.sort(),
    outline: sha256Lines(linesOf(files, ({ path, bytes }) => [path, bytes])),
    fingerprint: sha256Lines(
      linesOf(files, ({ path, bytes, modified }) => [path, bytes, modified]),
    ),
  };
}
