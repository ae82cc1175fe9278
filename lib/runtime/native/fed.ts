/** Inputs of compiled programs, in place where that is safe. */
import type { HostTensor } from "../../tensor.ts";
import { Memory, pointerTo, READ_BEYOND } from "./memory.ts";

/** Smaller inputs are always copied. */
const LEAST_BYTES = 2 ** 16;

/** The inputs of a run. Large ones are read in place, if kernels may read beyond their end. */
export class FedInputs {
  readonly #copies = new Map<string, Memory>();

  /** Address of an input until the next run; the caller must keep its data alive as long. */
  addressOf(name: string, { data }: HostTensor): number {
    const behind = data.buffer.byteLength - data.byteOffset - data.byteLength;
    if (data.byteLength >= LEAST_BYTES && behind >= READ_BEYOND) return pointerTo(data);
    let copy = this.#copies.get(name);
    if (copy === undefined || copy.bytes < data.byteLength) {
      copy?.release();
      copy = new Memory(data.byteLength);
      this.#copies.set(name, copy);
    }
    copy.write(data);
    return copy.address;
  }

  release(): void {
    for (const copy of this.#copies.values()) copy.release();
    this.#copies.clear();
  }
}
