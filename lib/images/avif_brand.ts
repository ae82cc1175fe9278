/**
 * The major brand of AVIF files: libvips opens only those with a still image brand, but animations (`avis`) contain a
 * still image too.
 *
 * @module
 */

const BRAND_AT = 8;
const STILL = "avif";

/**
 * The file with the brand of a still image.
 *
 * @returns `undefined`: it has that brand
 */
export function stillAvif(bytes: Uint8Array): Uint8Array | undefined {
  const brand = new TextEncoder().encode(STILL);
  if (brand.every((code, index) => bytes[BRAND_AT + index] === code)) return undefined;
  const still = bytes.slice();
  still.set(brand, BRAND_AT);
  return still;
}
