/** A bounds-checked reader over the bytes of a pickle. */

/** Thrown for an invalid pickle; the caller adds the name of the file. */
export class PickleError extends Error {}

/** Thrown when the bytes end before the pickle; the file may have more. */
export class PickleEnd extends PickleError {
  constructor() {
    super("its pickle is cut short");
  }
}

const BYTES = { Uint8: 1, Uint16: 2, Int32: 4, Uint32: 4, Float64: 8 } as const;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");
/** Names are short and ASCII; a decoder takes ten times as long for them. */
const SHORT_TEXT_BYTES = 64;
/** Longer whole numbers are no sizes. */
const LONGEST_INTEGER_BYTES = 8;

/** Bytes of a pickle with a reading position. */
export class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = at;
  }

  get at(): number {
    return this.#at;
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (!(count >= 0)) throw new PickleError(`its pickle announces ${count} bytes`);
    if (end > this.#bytes.length) throw new PickleEnd();
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  number(kind: keyof typeof BYTES): number {
    const at = this.#at;
    this.take(BYTES[kind]);
    // Floats alone are big-endian in a pickle.
    return kind === "Uint8"
      ? this.#view.getUint8(at)
      : this.#view[`get${kind}`](at, kind !== "Float64");
  }

  /** A length of 64 bits; one beyond 2^53 is invalid. */
  length64(): number {
    const at = this.#at;
    this.take(8);
    return Number(this.#view.getBigUint64(at, true));
  }

  text(count: number): string {
    const bytes = this.take(count);
    if (count <= SHORT_TEXT_BYTES && bytes.every((byte) => byte < 0x80)) {
      return String.fromCharCode(...bytes);
    }
    try {
      return utf8.decode(bytes);
    } catch {
      throw new PickleError("its pickle holds text that is not UTF-8");
    }
  }

  /** Text of Python 2, whose names are ASCII. */
  oldText(count: number): string {
    return latin1.decode(this.take(count));
  }

  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at);
    if (end < 0) throw new PickleEnd();
    const text = this.text(end - this.#at);
    this.#at++;
    return text;
  }

  /** A whole number in two's complement, little-endian; `undefined`: too large to be a size. */
  integer(bytes: number): number | undefined {
    const digits = this.take(bytes);
    if (bytes > LONGEST_INTEGER_BYTES) return undefined;
    const value = digits.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    return Number(BigInt.asIntN(8 * bytes, value));
  }
}
