/**
 * Flatbuffers, reading only: tables of fields at offsets. Every offset and length is checked against the buffer,
 * because packages that read Arrow trust them: a vector of 2^31 entries costs them minutes and all memory.
 */

/** Thrown for an invalid buffer; the caller adds the name of the file. */
export class FlatbufferError extends Error {}

function outside(): never {
  throw new FlatbufferError("its metadata point outside of themselves");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A table: fields by number, each with a default when it is absent. */
export class Table {
  readonly #view: DataView;
  readonly #at: number;
  readonly #fields: number;
  /** Bytes of the list of fields. */
  readonly #fieldBytes: number;

  private constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = this.#within(at, 4);
    this.#fields = this.#within(at - view.getInt32(at, true), 4);
    this.#fieldBytes = view.getUint16(this.#fields, true);
    this.#within(this.#fields, this.#fieldBytes);
  }

  /** The table that a buffer holds. @throws {FlatbufferError} */
  static root(bytes: Uint8Array): Table {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 4) outside();
    return new Table(view, view.getUint32(0, true));
  }

  #within(at: number, bytes: number): number {
    if (at < 0 || at + bytes > this.#view.byteLength) outside();
    return at;
  }

  /** Position of a field of so many bytes; `undefined`: absent. */
  #place(field: number, bytes: number): number | undefined {
    const entry = 4 + 2 * field;
    if (entry + 2 > this.#fieldBytes) return undefined;
    const offset = this.#view.getUint16(this.#fields + entry, true);
    return offset === 0 ? undefined : this.#within(this.#at + offset, bytes);
  }

  /** Position of what a field points to. */
  #target(field: number): number | undefined {
    const place = this.#place(field, 4);
    return place === undefined ? undefined : place + this.#view.getUint32(place, true);
  }

  uint8(field: number): number {
    const place = this.#place(field, 1);
    return place === undefined ? 0 : this.#view.getUint8(place);
  }

  int16(field: number): number {
    const place = this.#place(field, 2);
    return place === undefined ? 0 : this.#view.getInt16(place, true);
  }

  int32(field: number): number {
    const place = this.#place(field, 4);
    return place === undefined ? 0 : this.#view.getInt32(place, true);
  }

  /** A 64-bit integer; beyond 2^53 not exact, which no size in a file is. */
  int64(field: number): number {
    const place = this.#place(field, 8);
    return place === undefined ? 0 : Number(this.#view.getBigInt64(place, true));
  }

  table(field: number): Table | undefined {
    const at = this.#target(field);
    return at === undefined ? undefined : new Table(this.#view, at);
  }

  string(field: number): string | undefined {
    const at = this.#target(field);
    if (at === undefined) return undefined;
    const length = this.#view.getUint32(this.#within(at, 4), true);
    this.#within(at + 4, length);
    const { buffer, byteOffset } = this.#view;
    try {
      return utf8.decode(new Uint8Array(buffer, byteOffset + at + 4, length));
    } catch {
      throw new FlatbufferError("its metadata hold text that is not UTF-8");
    }
  }

  /** A list of tables. */
  tables(field: number): Table[] {
    const { start, length } = this.#vector(field, 4);
    return Array.from({ length }, (_, index) => {
      const place = start + 4 * index;
      return new Table(this.#view, place + this.#view.getUint32(place, true));
    });
  }

  /** A list of structs of 64-bit integers, so many in each. */
  structs(field: number, integers: number): number[][] {
    const { start, length } = this.#vector(field, 8 * integers);
    return Array.from(
      { length },
      (_, index) =>
        Array.from(
          { length: integers },
          (_, part) => Number(this.#view.getBigInt64(start + 8 * (index * integers + part), true)),
        ),
    );
  }

  #vector(field: number, bytes: number): { readonly start: number; readonly length: number } {
    const at = this.#target(field);
    if (at === undefined) return { start: 0, length: 0 };
    const length = this.#view.getUint32(this.#within(at, 4), true);
    return { start: this.#within(at + 4, length * bytes), length };
  }
}
