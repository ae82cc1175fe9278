/**
 * The pixels of the first picture of a GIF file, counted: libvips shows missing pixels as transparent, and indices
 * beyond the colour table as some colour. GIF89a, appendix F.
 *
 * @module
 */

const EXTENSION = 0x21, IMAGE = 0x2c, GRAPHIC_CONTROL = 0xf9;
const SCREEN_BYTES = 13, IMAGE_BYTES = 10;
const LONGEST_CODE = 12;

/** The number of colours in the table that flags announce, 0 without one. */
function tableSize(flags: number): number {
  return flags & 0x80 ? 2 << (flags & 7) : 0;
}

/** Blocks up to the empty one that ends them, and the place behind it. */
function readBlocks(bytes: Uint8Array, at: number) {
  const blocks: Uint8Array[] = [];
  for (let size = bytes[at]; size; size = bytes[at]) {
    blocks.push(bytes.subarray(at + 1, at + 1 + size));
    at += 1 + size;
  }
  return { blocks, end: at + 1 };
}

/** The codes in blocks, each as long as its reader requests. */
class CodeReader {
  readonly #blocks: readonly Uint8Array[];
  #block = 0;
  #at = 0;
  #bits = 0;
  #count = 0;

  constructor(blocks: readonly Uint8Array[]) {
    this.#blocks = blocks;
  }

  /** The next code; `undefined` at the end. */
  next(length: number): number | undefined {
    while (this.#count < length) {
      let block = this.#blocks[this.#block];
      while (block !== undefined && this.#at === block.length) {
        this.#at = 0;
        block = this.#blocks[++this.#block];
      }
      if (block === undefined) return undefined;
      this.#bits |= block[this.#at++]! << this.#count;
      this.#count += 8;
    }
    const code = this.#bits & ((1 << length) - 1);
    this.#bits >>>= length;
    this.#count -= length;
    return code;
  }
}

/** How many pixels LZW data of a picture has, up to `wanted`, and which numbers of colours. */
function countPixels(
  { codeBits, blocks, wanted }: {
    readonly codeBits: number;
    readonly blocks: readonly Uint8Array[];
    readonly wanted: number;
  },
): { readonly pixels: number; readonly isUsed: readonly boolean[] } {
  const clear = 1 << codeBits, end = clear + 1;
  const lengths = new Uint32Array(1 << LONGEST_CODE).fill(1, 0, clear);
  const isUsed = Array.from({ length: 256 }, () => false);
  const codes = new CodeReader(blocks);
  let pixels = 0, bits = codeBits + 1, free = end + 1;
  let former: number | undefined;
  while (pixels < wanted) {
    const code = codes.next(bits);
    if (code === undefined || code === end) break;
    if (code === clear) {
      [bits, free, former] = [codeBits + 1, end + 1, undefined];
      continue;
    }
    // Longer codes are made of shorter ones: each of their pixels came as one before.
    if (code < clear) isUsed[code] = true;
    if (former !== undefined && free < lengths.length) {
      if (code > free) break;
      lengths[free] = lengths[former]! + 1;
      if (++free === 1 << bits && bits < LONGEST_CODE) bits++;
    } else if (code >= free) break;
    pixels += lengths[code]!;
    former = code;
  }
  return { pixels: Math.min(pixels, wanted), isUsed };
}

/** What is wrong with the first picture of a GIF file that decodes; `undefined`: nothing. */
export function gifFlaw(bytes: Uint8Array): string | undefined {
  const number = (at: number) => bytes[at]! | bytes[at + 1]! << 8;
  let at = SCREEN_BYTES + 3 * tableSize(bytes[10]!), transparent: number | undefined;
  while (bytes[at] === EXTENSION) {
    const { blocks, end } = readBlocks(bytes, at + 2);
    const [control] = bytes[at + 1] === GRAPHIC_CONTROL ? blocks : [];
    if (control !== undefined && control[0]! & 1) transparent = control[3];
    at = end;
  }
  if (bytes[at] !== IMAGE) return undefined;
  const wanted = number(at + 5) * number(at + 7), own = tableSize(bytes[at + 9]!);
  const colors = own > 0 ? own : tableSize(bytes[10]!);
  if (colors === 0) return "it has no table of colours";
  const data = at + IMAGE_BYTES + 3 * own, { blocks } = readBlocks(bytes, data + 1);
  const codeBits = bytes[data]!;
  if (codeBits >= LONGEST_CODE) return undefined;
  const { pixels, isUsed } = countPixels({ codeBits, blocks, wanted });
  if (wanted === 0 || pixels < wanted) return `it has ${pixels} pixels of ${wanted}`;
  const beyond = isUsed.findIndex((used, color) =>
    used && color >= colors && color !== transparent
  );
  return beyond < 0 ? undefined : `it has color ${beyond} of ${colors}`;
}
