/** Writes one safetensors file. */
import { createHash } from "node:crypto";
import { writeAll } from "../../files/mod.ts";
import { type Dtype, type HostTensor, sizeOf, type TensorRecord } from "../../tensor.ts";
import { type ElementType, LENGTH_BYTES, WRITTEN_TYPES } from "./element_types.ts";

/** What was written: enough to recognise the file later. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

function elementType(dtype: Dtype): ElementType {
  return WRITTEN_TYPES.find((type) => type.dtype === dtype)!;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function bytesOf(tensor: HostTensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = tensor.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The file in pieces: the header, then each tensor's own memory (no copies). */
function* pieces(
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array<ArrayBuffer>> {
  const rank = (tensor: HostTensor) => WRITTEN_TYPES.indexOf(elementType(tensor.dtype));
  const ordered = Object.entries(tensors).sort(([nameA, a], [nameB, b]) =>
    rank(a) - rank(b) || compareText(nameA, nameB)
  );
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) {
    const sorted = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
    const pairs = sorted.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    parts.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let end = 0;
  for (const [name, tensor] of ordered) {
    const { dtype, shape, data } = tensor;
    if (name === "__metadata__" || data.length !== sizeOf(shape)) {
      throw new RangeError(
        `Cannot encode tensor "${name}": shape [${shape.join(" ")}] and ${data.length} values`,
      );
    }
    const offsets = [end, end += data.byteLength];
    const entry = { dtype: elementType(dtype).code, shape, data_offsets: offsets };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const text = new TextEncoder().encode(`{${parts.join(",")}}`);
  const padded = Math.ceil(text.length / 8) * 8;
  const header = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, LENGTH_BYTES);
  yield header;
  for (const [, tensor] of ordered) yield bytesOf(tensor);
}

/** A whole safetensors file in memory. Equal tensors and metadata give equal bytes. */
export function encodeSafetensors(
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = [...pieces(tensors, metadata)];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Writes a safetensors file piece by piece, without a second copy of the tensors in memory, and forces it to the disk.
 * Errors of the file system pass unchanged: only the caller knows the final name of the file.
 */
export async function writeSafetensors(
  path: string,
  tensors: TensorRecord,
  metadata: Readonly<Record<string, string>> = {},
): Promise<WrittenFile> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const hash = createHash("sha256");
  let bytes = 0;
  for (const piece of pieces(tensors, metadata)) {
    hash.update(piece);
    bytes += piece.length;
    await writeAll(file, piece);
  }
  await file.sync();
  return { bytes, sha256: hash.digest("hex") };
}
