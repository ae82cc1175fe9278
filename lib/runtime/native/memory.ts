/** Memory that compiled kernels read and write. */

import { sizeOf } from "../../tensor.ts";

const ALIGNMENT = 64;

/** How many bytes kernels read beyond an end, where the last vector of a row is not full. */
export const READ_BEYOND = 64;

/** The address of an array's first element. */
export function pointerTo(data: ArrayBufferView<ArrayBuffer>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(data)));
}

/** Memory aligned for vectors. */
export class Memory {
  readonly #buffer: ArrayBuffer;
  readonly #start: number;
  readonly address: number;
  readonly bytes: number;

  constructor(bytes: number) {
    this.#buffer = new ArrayBuffer(bytes + ALIGNMENT + READ_BEYOND);
    const address = pointerTo(new Uint8Array(this.#buffer));
    this.#start = (ALIGNMENT - address % ALIGNMENT) % ALIGNMENT;
    this.address = address + this.#start;
    this.bytes = bytes;
  }

  /** Frees the memory now; garbage collection would come too late for large buffers. */
  release(): void {
    this.#buffer.transfer(0);
  }

  /** Copies to the beginning. */
  write({ buffer, byteOffset, byteLength }: ArrayBufferView<ArrayBuffer>): void {
    new Uint8Array(this.#buffer, this.#start).set(new Uint8Array(buffer, byteOffset, byteLength));
  }

  floats(offset: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#buffer, this.#start + offset, length);
  }

  integers(offset: number, length: number): Int32Array<ArrayBuffer> {
    return new Int32Array(this.#buffer, this.#start + offset, length);
  }
}

/** A tensor that stays in the runtime. */
export class Resident {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
  readonly address: number;
  readonly bytes: number;
  readonly #memory: Memory;
  isSet = false;

  constructor(shape: readonly number[]) {
    const length = sizeOf(shape);
    const memory = this.#memory = new Memory(4 * length);
    this.shape = shape;
    this.data = memory.floats(0, length);
    this.address = memory.address;
    this.bytes = memory.bytes;
  }

  release(): void {
    this.#memory.release();
  }
}
