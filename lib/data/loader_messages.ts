/** The messages between the loader and its workers. Apart, so that the loader does not import what the workers run. */
import type { CropConfig } from "./crop.ts";
import type { Channels } from "./manifest.ts";
import type { Failure } from "../failure.ts";

/** Everything that decides the content of a batch, besides which images are in it. */
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

/** Asks a loader worker for one batch. */
export interface BatchRequest {
  readonly step: number;
  /** Image numbers of the split, B of them. */
  readonly samples: Uint32Array<ArrayBuffer>;
  /** Receives `[B 3 H W]`; its memory moves to the worker and comes back with the answer. */
  readonly images: Float32Array<ArrayBuffer>;
}

/** What goes to a loader worker. */
export type LoaderMessage = StartMessage | BatchRequest | "close";

/** What comes back: a batch, or why there is none, or that the worker has let go of everything. */
export type LoaderAnswer =
  | { readonly step: number; readonly images: Float32Array<ArrayBuffer> }
  | {
    readonly step: number;
    readonly failure: { readonly kind: Failure["kind"] | "unexpected"; readonly message: string };
  }
  | "closed";
