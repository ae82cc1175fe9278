/** The bytes of an IDX file, made by the description of the format. @param type of the values; 8 for unsigned bytes */
export function idxFile(shape: readonly number[], values: Uint8Array, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes.set([0, 0, type, shape.length]);
  const view = new DataView(bytes.buffer);
  shape.forEach((length, axis) => view.setUint32(4 + 4 * axis, length, false));
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}
