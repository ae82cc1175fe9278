import sharp, { type Sharp } from "sharp";

/** One colour, as sharp wants it. */
export interface Fill {
  readonly width?: number;
  readonly height?: number;
  readonly color: { readonly r: number; readonly g: number; readonly b: number };
  /** 0 to 1; makes a picture with transparency. */
  readonly alpha?: number;
}

/** A picture of one colour, ready to be encoded. */
export function plain({ width = 24, height = 16, color, alpha }: Fill): Sharp {
  const background = alpha === undefined ? color : { ...color, alpha };
  return sharp({ create: { width, height, channels: alpha === undefined ? 3 : 4, background } });
}

/** Random pixels: every encoded file of it is long, so cutting it short hits pixels. */
export function speckled(size = 96): Sharp {
  let state = 1;
  const data = Uint8Array.from({ length: 3 * size * size }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return state >>> 24;
  });
  return sharp(data, { raw: { width: size, height: size, channels: 3 } });
}

/** Left half red, right half blue, with an EXIF orientation. */
export async function redLeftOfBlue(orientation: number): Promise<Uint8Array> {
  const half = { width: 32, height: 32 };
  const blue = await plain({ ...half, color: { r: 0, g: 0, b: 255 } }).png().toBuffer();
  return await plain({ width: 64, height: 32, color: { r: 255, g: 0, b: 0 } })
    .composite([{ input: blue, left: 32, top: 0 }])
    .withMetadata({ orientation })
    .jpeg({ quality: 95 })
    .toBuffer();
}

/** Writes a file with the folders above it. */
export async function writePicture(path: string, bytes: Uint8Array | string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(path, typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
}

/** A temporary folder that goes when the test ends. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  // The real path: on some systems the temporary folder is a link.
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "ijepa-test-" }));
  return {
    path,
    [Symbol.asyncDispose]: async () => await Deno.remove(path, { recursive: true }),
  };
}
