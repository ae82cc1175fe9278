/** A listing of images as text, and the failures that are independent of the tolerated fraction of bad files. */
import { Failure } from "../../failure.ts";
import type { ImageListing } from "../listing.ts";
import type { FaintImage } from "../pack.ts";
import { listBeside, someOf } from "../quarantine.ts";
import type { Tally } from "./lister.ts";

function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/**
 * Fails on a folder that cannot be read, since the number of missing images is unknown then, and when there are no
 * images at all. The full list of unreadable entries then goes beside the output, if possible.
 *
 * @throws {Failure} `data` or `missing`
 */
export async function expectWholeListing(
  listing: ImageListing,
  { root, out }: { readonly root: string; readonly out: string },
): Promise<void> {
  const { images, unreadable, unreadableFolders, ignored, hidden, ofSystems } = listing;
  if (unreadableFolders.length > 0) {
    const listed = await listBeside(out, [...unreadableFolders, ...unreadable]);
    const examples = unreadableFolders.map(({ path, reason }) => `"${path}" (${reason})`);
    throw new Failure(
      "data",
      `Cannot read images: ${
        counted(unreadableFolders.length, "folder")
      } in "${root}" cannot be looked into, ` +
        "so the number of missing images is unknown and no --max-bad-fraction allows it: " +
        `${someOf(examples)}; mend that, or move it out of the images folder; ${listed}`,
    );
  }
  if (images.length + unreadable.length > 0) return;
  const passedOver = hidden.count + ofSystems.count;
  throw new Failure(
    "missing",
    `Cannot read images: "${root}" holds no images (wanted JPEG, PNG, WebP, AVIF, GIF or TIFF, ` +
      `got ${ignored} other files${
        passedOver > 0 ? `, and ${passedOver} hidden or made by systems` : ""
      })`,
  );
}

/** One line for each kind of entry that was left out, or found by way of a link. */
export function describeListing(listing: ImageListing): string[] {
  const { images, ignored, hidden, ofSystems, deadLinks, loops, repeats, followed } = listing;
  const kinds: readonly (readonly [string, Tally])[] = [
    ["hidden, passed over", hidden],
    ["thumbnails, recycle bins and the like of systems, passed over", ofSystems],
    ["links that lead nowhere, passed over", deadLinks],
    ["links to folders elsewhere, followed", listed(followed)],
    ["links to folders that are listed by another path, not followed", listed(repeats)],
    ["links back to the images folder or to one that holds it, not followed", listed(loops)],
  ];
  return [
    `${images.length} images, ${ignored} other files passed over`,
    ...kinds.filter(([, { count }]) => count > 0).map(([what, { count, examples }]) =>
      `${what}: ${someOf(examples, count)}`
    ),
  ];
}

function listed(paths: readonly string[]): Tally {
  return { count: paths.length, examples: paths };
}

/** A line if images use hardly any levels: samples of 12 bits in 16 are nearly black. */
export function describeFaint(faint: readonly FaintImage[]): string[] {
  if (faint.length === 0) return [];
  const examples = someOf(
    faint.map(({ path, range: [lowest, highest] }) => `${path}: ${lowest} to ${highest} of 255`),
  );
  return [
    `${counted(faint.length, "image uses", "images use")} hardly any of the 256 levels ` +
    `(${examples}): where that is not the subject, scale the samples to the full range first`,
  ];
}
