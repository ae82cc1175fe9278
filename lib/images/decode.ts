/** Decodes images of every supported format to RGB, and shrinks them. */
import sharp from "sharp";
import { Failure, messageOf } from "../failure.ts";
import { stillAvif } from "./avif_brand.ts";
import { DECODE_BYTES, DecodeBudget } from "./decode_budget.ts";
import { areHarmless, failureOf, linesOf } from "./decode_failures.ts";
import { type DecodePlan, plainJpegBytes, planDecode, planSmall } from "./decode_plan.ts";
import { type ImageFormat, sniffFormat, SUPPORTED_FORMATS } from "./image_format.ts";
import { readPlainJpeg } from "./jpeg/markers.ts";
import { repairedJpeg } from "./jpeg/repair.ts";
import { freeData, type RgbImage } from "./rgb_image.ts";
import { decodeSmallPng, SMALL_PNG_BYTES } from "./small_png.ts";
import { decodePlainJpeg, HAS_TURBOJPEG } from "./turbojpeg.ts";

export { freeData, type RgbImage } from "./rgb_image.ts";

// One libvips thread per image and no cache: callers keep several images in flight, which is faster on the
// same cores, and memory stays flat (measured: 1976 against 960 images/s).
sharp.concurrency(1);
sharp.cache(false);

/** Shared by all images of this thread, unless a budget is given. */
const OWN_BUDGET = new DecodeBudget();

/** Memory for reading a header. */
const HEADER_BYTES = 2 ** 20;

/** Repairs of files that libvips refuses though viewers do not, by extension. */
const REPAIRS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array | undefined>> = {
  avif: stillAvif,
  jpg: repairedJpeg,
};

const FIRST_PICTURE = { page: 0, pixels: DECODE_BYTES / 3, dropsLastBand: false };

/** Works with an image while its memory is accounted for. */
type Work<T> = (image: RgbImage) => T | Promise<T>;

/**
 * The format of a file that can be decoded.
 *
 * @throws {Failure} `data`: empty, not an image, or an image of another format
 */
export function expectFormat(bytes: Uint8Array): ImageFormat {
  if (bytes.length === 0) throw new Failure("data", "Cannot decode: the file is empty (0 bytes)");
  const format = sniffFormat(bytes);
  if (format === undefined) {
    throw new Failure("data", `Cannot decode: not an image, wanted ${SUPPORTED_FORMATS}`);
  }
  if (!format.supported) {
    throw new Failure(
      "data",
      `Cannot decode: wanted ${SUPPORTED_FORMATS}, got ${format.name}, ${format.advice}`,
    );
  }
  return format;
}

/** How libvips decodes; `onWarning` receives each warning, including those of images decoded meanwhile. */
interface PixelOptions extends Omit<DecodePlan, "bytes"> {
  readonly onWarning?: (text: string) => void;
}

/** Decodes with the given tolerance; the error is that of libvips. */
export async function decodePixels(
  bytes: Uint8Array,
  failOn: "warning" | "error",
  { page, pixels, dropsLastBand, onWarning }: PixelOptions = FIRST_PICTURE,
): Promise<RgbImage> {
  const picture = sharp(bytes, { failOn, page, limitInputPixels: pixels });
  if (onWarning !== undefined) picture.on("warning", onWarning);
  picture.autoOrient();
  const opaque = dropsLastBand ? picture.removeAlpha() : picture.flatten({ background: "#ffffff" });
  const { data, info } = await opaque
    .toColourspace("srgb")
    .raw({ depth: "uchar" })
    .toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`decoded to ${info.channels} channels`);
  return { height: info.height, width: info.width, data };
}

/** An image to decode by libvips. */
interface Source {
  readonly bytes: Uint8Array;
  readonly format: ImageFormat;
  readonly budget: DecodeBudget;
}

/** Decodes and calls `work`; `undefined` on any warning. */
async function useFlawless<T>({ bytes, format, budget }: Source, work: Work<T>) {
  const plan = planSmall(bytes, format) ??
    await budget.use(HEADER_BYTES, () => planDecode(bytes, format)).catch((error: unknown) => {
      if (error instanceof Failure) throw error;
    });
  if (plan === undefined) return undefined;
  return await budget.use(plan.bytes, async () => {
    const image = await decodePixels(bytes, "warning", plan).catch(() => undefined);
    return image && { result: await work(image) };
  });
}

/**
 * Decodes in spite of warnings if all of them are harmless. libvips has one error text and one list of warnings per
 * process, so nothing else is decoded meanwhile, and a first attempt flushes what other images have left there: the
 * result never depends on other images.
 */
async function judgeAlone({ bytes, format }: Source): Promise<RgbImage> {
  const warnings: string[] = [];
  const attempt = async (failOn: "warning" | "error") => {
    warnings.length = 0;
    const plan = await planDecode(bytes, format);
    return await decodePixels(bytes, failOn, { ...plan, onWarning: (text) => warnings.push(text) });
  };
  await attempt("warning").then(freeData, () => {});
  const said: string[] = [];
  try {
    return await attempt("warning");
  } catch (error) {
    if (error instanceof Failure) throw error;
    said.push(messageOf(error));
  }
  try {
    const image = await attempt("error");
    said.push(...warnings);
    if (areHarmless(linesOf(said.join("\n")))) return image;
    freeData(image);
  } catch (error) {
    if (error instanceof Failure) throw error;
    said.unshift(messageOf(error));
    said.push(...warnings);
  }
  throw failureOf(format, linesOf(said.join("\n")));
}

/** Decodes by libvips and calls `work`. */
async function useByLibvips<T>(source: Source, work: Work<T>): Promise<T> {
  const { bytes, format, budget } = source;
  const flawless = await useFlawless(source, work);
  if (flawless !== undefined) return flawless.result;
  const repaired = REPAIRS[format.extension]?.(bytes);
  const again = repaired && { ...source, bytes: repaired };
  const done = again && await useFlawless(again, work);
  if (done !== undefined) return done.result;
  return await budget.alone(async () => await work(await judgeAlone(again ?? source)));
}

/**
 * Decodes an image as {@link decodeImage} does, and passes its pixels to `work`. They count against the budget until
 * `work` is done, so it should keep none or few of them.
 *
 * @throws {Failure} `data`: as `decodeImage`
 */
export async function useImage<T>(
  bytes: Uint8Array,
  work: Work<T>,
  budget: DecodeBudget = OWN_BUDGET,
): Promise<T> {
  const format = expectFormat(bytes);
  const plain = HAS_TURBOJPEG ? readPlainJpeg(bytes) : undefined;
  const plainBytes = plain === undefined ? 0 : plainJpegBytes(plain);
  if (plain !== undefined && plainBytes <= DECODE_BYTES) {
    const done = await budget.use(plainBytes, async () => {
      const image = await decodePlainJpeg(bytes, plain);
      return image && { result: await work(image) };
    });
    if (done !== undefined) return done.result;
  }
  if (format.extension === "png") {
    const done = await budget.use(SMALL_PNG_BYTES, async () => {
      const image = decodeSmallPng(bytes);
      return image && { result: await work(image) };
    });
    if (done !== undefined) return done.result;
  }
  return await useByLibvips({ bytes, format, budget }, work);
}

/**
 * Decodes the first frame or page of a JPEG, PNG, WebP, AVIF, GIF or TIFF file to 8-bit sRGB: EXIF rotation is applied,
 * embedded colour profiles, CMYK, grey and 16-bit samples are converted, transparency is laid on white. Images in
 * flight wait for each other when together they would take more than {@link DECODE_BYTES}.
 *
 * @throws {Failure} `data`: empty, not an image of these formats, of a kind that is not supported, over the limit,
 * truncated or damaged, with the reason of the decoder; never a partial picture
 */
export async function decodeImage(bytes: Uint8Array): Promise<RgbImage> {
  return await useImage(bytes, (image) => image);
}

/** The longest side of a JPEG file that libjpeg writes and reads. */
const MOST_JPEG_SIDE = 65_500;

/** Whether an image becomes a smaller JPEG; it stays as it is where even that would be longer than a JPEG can be. */
export function isShrunk(
  { width, height }: { readonly width: number; readonly height: number },
  shorterSide: number,
): boolean {
  const shorter = Math.min(width, height);
  const longer = Math.max(width, height) * shorterSide / shorter;
  return shorter > shorterSide && Math.ceil(longer) <= MOST_JPEG_SIDE;
}

/**
 * Shrinks an image so that its shorter side has the given number of pixels (Lanczos 3), and encodes it as JPEG
 * of quality 95 without chroma subsampling.
 */
export async function encodeShorterSide(
  image: RgbImage,
  shorterSide: number,
): Promise<{ readonly width: number; readonly height: number; readonly data: Uint8Array }> {
  const { width, height } = image;
  const side = width < height ? { width: shorterSide } : { height: shorterSide };
  const raw = { width, height, channels: 3 } as const;
  const { data, info } = await sharp(image.data, { raw, limitInputPixels: false })
    .resize({ ...side, kernel: "lanczos3" })
    .jpeg({ quality: 95, chromaSubsampling: "4:4:4" })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}
