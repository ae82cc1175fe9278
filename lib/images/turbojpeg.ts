/**
 * The system's libturbojpeg through Deno's FFI: the pixels that sharp gives, in a third of the processor time, for
 * plain JPEG files. Needs version 2 of its interface, which version 3 still has.
 *
 * @module
 */
import { type PlainJpeg, readPlainJpeg } from "./jpeg/markers.ts";
import type { RgbImage } from "./rgb_image.ts";

const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  linux: ["libturbojpeg.so.0"],
  darwin: ["libturbojpeg.dylib", "/opt/homebrew/lib/libturbojpeg.dylib"],
};

const i = "i32";
const FUNCTIONS = {
  tjInitDecompress: { parameters: [], result: "pointer" },
  tjDecompress2: {
    parameters: ["pointer", "buffer", "usize", "buffer", i, i, i, i, i],
    result: i,
    // On other threads, so that the calling one can crop, or send batches, meanwhile.
    nonblocking: true,
  },
  tjDestroy: { parameters: ["pointer"], result: i },
} as const;

/** Three bytes a pixel: red, green, blue. */
const TJPF_RGB = 0;
/** The accurate transform, and chroma interpolated between its samples: what sharp does. */
const FLAGS = 0;

/** The library, or `undefined` where there is none or it may not be loaded. */
function openLibrary(): Deno.DynamicLibrary<typeof FUNCTIONS> | undefined {
  // Loading without the permission would prompt the user, though sharp can decode too.
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  for (const name of LIBRARIES[Deno.build.os] ?? []) {
    try {
      return Deno.dlopen(name, FUNCTIONS);
    } catch {
      // The next name, or sharp alone.
    }
  }
  return undefined;
}

const library = openLibrary();

/** Whether plain JPEG files are decoded by libturbojpeg in this process; if not, sharp does it. */
export const HAS_TURBOJPEG = library !== undefined;

/** Files and pixels of calls under way: the library reads and writes them, so they must not be collected. */
const inUse = new Set<readonly Uint8Array[]>();

/**
 * Decodes a plain JPEG file.
 *
 * @returns `undefined`: not plain, no library, or any warning; then sharp decides
 */
export async function decodePlainJpeg(
  bytes: Uint8Array,
  plain: PlainJpeg | undefined = readPlainJpeg(bytes),
): Promise<RgbImage | undefined> {
  if (library === undefined || plain === undefined) return undefined;
  const { tjInitDecompress, tjDecompress2, tjDestroy } = library.symbols;
  // A new one for each file costs a microsecond; a shared one would apply its tables to the next file that lacks some.
  const decompressor = tjInitDecompress();
  if (decompressor === null) return undefined;
  const { height, width } = plain.size;
  const file = bytes as Uint8Array<ArrayBuffer>, data = new Uint8Array(3 * height * width);
  const memory = [file, data];
  inUse.add(memory);
  try {
    const [length, rowBytes] = [BigInt(file.length), 3 * width];
    const to = [data, width, rowBytes, height] as const;
    const status = await tjDecompress2(decompressor, file, length, ...to, TJPF_RGB, FLAGS);
    return status === 0 ? { height, width, data } : undefined;
  } finally {
    inUse.delete(memory);
    tjDestroy(decompressor);
  }
}
