/** The messages between the loader and its workers. Apart, so that the loader does not import what the workers run. */
import type { CropConfig } from "../images/mod.ts";
import type { Channels } from "./manifest.ts";
import type { Failure } from "../failure.ts";

/** Everything that decides the content of a batch, except its image numbers. */
export interface BatchSpec {
  /** The shards directory. */
  readonly shards: string;
  readonly split: string;
  /** Seed of the crops. */
  readonly seed: number;
  /** Height and width of the crops after scaling, pixels. */
  readonly size: readonly [height: number, width: number];
  readonly crop: CropConfig;
  readonly mean: Channels;
  readonly std: Channels;
}

/** The first message to a loader worker. */
export interface StartMessage {
  readonly spec: BatchSpec;
  /** Decoded images that the worker may keep, bytes. */
  readonly cacheBytes: number;
  /** The numbers of the `DecodeBudget` of all workers. */
  readonly budget: SharedArrayBuffer;
}

/** Requests one batch from a loader worker. */
export interface BatchRequest {
  readonly step: number;
  /** Image numbers of the split, B of them. */
  readonly samples: Uint32Array<ArrayBuffer>;
  /** Receives `[B 3 H W]`; its memory moves to the worker and comes back with the answer. */
  readonly images: Float32Array<ArrayBuffer>;
}

/** Messages to a loader worker. */
export type LoaderMessage = StartMessage | BatchRequest | "close";

/** Messages from a loader worker: a batch, an error, or that it has released everything. */
export type LoaderAnswer =
  | { readonly step: number; readonly images: Float32Array<ArrayBuffer> }
  | {
    readonly step: number;
    readonly failure: { readonly kind: Failure["kind"] | "unexpected"; readonly message: string };
  }
  | "closed";
