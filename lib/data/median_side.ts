/** The typical size of the images of a split, read from their records. */
import type { ShardSplit } from "./shard_split.ts";

/** Images sampled evenly over the split; reading their records takes milliseconds. */
const MOST_LOOKS = 101;

/**
 * Median of the shorter sides of images, pixels, from the records of at most 101 of them; no image is read.
 *
 * @throws {Failure} `data`: a record is damaged, or has no size
 */
export async function medianSide(split: ShardSplit): Promise<number> {
  const looks = Math.min(split.length, MOST_LOOKS);
  const sizes = await Promise.all(Array.from({ length: looks }, (_, look) => {
    return split.readSize(Math.floor((look + 0.5) * split.length / looks));
  }));
  const sides = sizes.map(({ width, height }) => Math.min(width, height)).sort((a, b) => a - b);
  return sides[Math.floor(looks / 2)]!;
}
