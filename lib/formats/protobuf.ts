/** The few parts of the protocol buffer wire format that ONNX files and TensorBoard events need, writing only. */

const text = new TextEncoder();

function varint(value: number | bigint): number[] {
  // Negative integers are encoded as 64-bit two's complement.
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest ? low | 0x80 : low);
  } while (rest);
  return bytes;
}

/** Collects the fields of one message; large payloads are kept by reference and copied once, at the end. */
export class Message {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** How many bytes the message takes. */
  get length(): number {
    return this.#length;
  }

  #push(part: Uint8Array): this {
    this.#parts.push(part);
    this.#length += part.length;
    return this;
  }

  #tag(field: number, wireType: number): this {
    return this.#push(Uint8Array.from(varint(field * 8 + wireType)));
  }

  /** An integer field. */
  integer(field: number, value: number | bigint): this {
    return this.#tag(field, 0).#push(Uint8Array.from(varint(value)));
  }

  /** A 32-bit float field. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#tag(field, 5).#push(bytes);
  }

  /** A 64-bit float field. */
  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return this.#tag(field, 1).#push(bytes);
  }

  /** A field of raw bytes. */
  bytes(field: number, value: Uint8Array): this {
    return this.#tag(field, 2).#push(Uint8Array.from(varint(value.length))).#push(value);
  }

  /** A text field. */
  string(field: number, value: string): this {
    return this.bytes(field, text.encode(value));
  }

  /** A field that is a message itself. */
  message(field: number, value: Message): this {
    this.#tag(field, 2).#push(Uint8Array.from(varint(value.length)));
    for (const part of value.#parts) this.#push(part);
    return this;
  }

  /** The whole message as one array. */
  finish(): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }
}
