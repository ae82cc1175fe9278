/** GIF files of one picture, written by hand. */
import { concatenated, latin1 } from "./jpeg_files.ts";

/** What a file has. */
export interface SmallGif {
  readonly width: number;
  readonly height: number;
  /** Colours of its table; 0 for none, else a power of 2. */
  readonly colors: number;
  /** Bits of a number before it is packed. */
  readonly codeBits: number;
  /** Numbers of colours, as many as there are to be. */
  readonly pixels: readonly number[];
  /** The table belongs to the picture, not to the file. */
  readonly hasOwnTable?: boolean;
  /** The colour that is not painted. */
  readonly transparent?: number;
  /** Whether a code says that the picture ends. @default true */
  readonly isEnded?: boolean;
}

/** Codes without any compression: the table is emptied before it grows to longer codes. */
function codesOf({ codeBits, pixels, isEnded = true }: SmallGif): Uint8Array {
  const clear = 1 << codeBits, codes = [clear];
  pixels.forEach((pixel, i) => {
    codes.push(pixel);
    if (i % (clear - 2) === clear - 3) codes.push(clear);
  });
  if (isEnded) codes.push(clear + 1);
  const bytes = new Uint8Array(Math.ceil(codes.length * (codeBits + 1) / 8));
  codes.forEach((code, i) => {
    for (let bit = 0; bit <= codeBits; bit++) {
      const at = i * (codeBits + 1) + bit;
      bytes[at >> 3]! |= (code >> bit & 1) << at % 8;
    }
  });
  return bytes;
}

/** The file. Colour n of its table is (n, 2 n, 255 - n). */
export function gifFile(gif: SmallGif): Uint8Array {
  const { width, height, colors, codeBits, hasOwnTable = false, transparent } = gif;
  const flags = colors === 0 ? 0 : 0x80 | Math.log2(colors) - 1;
  const table = Array.from({ length: colors }, (_, n) => [n, 2 * n, 255 - n]).flat();
  const size = [width & 255, width >> 8, height & 255, height >> 8];
  const codes = codesOf(gif), blocks: number[] = [];
  for (let at = 0; at < codes.length; at += 255) {
    const block = codes.subarray(at, at + 255);
    blocks.push(block.length, ...block);
  }
  return concatenated(
    latin1("GIF89a"),
    [...size, hasOwnTable ? 0 : flags, 0, 0],
    hasOwnTable ? [] : table,
    [0x21, 0xfe, 2, ...latin1("hi"), 0],
    transparent === undefined ? [] : [0x21, 0xf9, 4, 1, 0, 0, transparent, 0],
    [0x2c, 0, 0, 0, 0, ...size, hasOwnTable ? flags : 0],
    hasOwnTable ? table : [],
    [codeBits, ...blocks, 0, 0x3b],
  );
}
