/** Floats of 16 bits, widened, which loses nothing. */

/** IEEE half precision: little-endian bits to values. */
export function fromHalf(bits: ArrayBuffer): Float32Array<ArrayBuffer> {
  const view = new DataView(bits);
  return Float32Array.from(
    { length: Math.floor(bits.byteLength / 2) },
    (_, i) => view.getFloat16(2 * i, true),
  );
}

/** bfloat16, the upper half of a float32: little-endian bits to values. */
export function fromBfloat16(bits: ArrayBuffer): Float32Array<ArrayBuffer> {
  return new Float32Array(Uint32Array.from(new Uint16Array(bits), (upper) => upper << 16).buffer);
}
