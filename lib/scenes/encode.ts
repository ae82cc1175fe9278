/** JPEG files of rendered pictures. */
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);

/** Encodes RGB bytes [size size 3] as JPEG of quality 90, without chroma subsampling: the pictures are small. */
export async function encodeScene(pixels: Uint8Array, size: number): Promise<Uint8Array> {
  return await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .jpeg({ quality: 90, chromaSubsampling: "4:4:4" })
    .toBuffer();
}
