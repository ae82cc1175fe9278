/**
 * Hashes of decoded pictures. As a program it prints them as JSON: turbojpeg_test.ts starts it without the permission
 * to load libturbojpeg.
 */
import sharp from "sharp";
import { decodeImage } from "../../lib/images/decode.ts";
import { HAS_TURBOJPEG } from "../../lib/images/turbojpeg.ts";
import { sha256 } from "../../lib/files/mod.ts";
import { fixtureFile, plainFile } from "./jpeg_files.ts";

/** SHA-256 of the pixels of plain and other files. */
export async function decodedHashes(): Promise<readonly string[]> {
  const picture = sharp(await plainFile());
  const files = [
    await plainFile(),
    await plainFile({ progressive: true, quality: 30 }),
    await fixtureFile("422"),
    await fixtureFile("440"),
    await picture.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    await picture.clone().png().toBuffer(),
  ];
  return await Promise.all(files.map(async (file) => sha256((await decodeImage(file)).data)));
}

if (import.meta.main) {
  const hashes = await decodedHashes();
  console.log(JSON.stringify({ hasTurbojpeg: HAS_TURBOJPEG, hashes }));
}
