/** Makes training batches ahead in worker threads. */
import { Failure } from "../failure.ts";
import { expectRoomForThreads } from "../files/mod.ts";
import { DecodeBudget } from "../images/mod.ts";
import type {
  BatchRequest,
  BatchSpec,
  LoaderAnswer,
  LoaderMessage,
  StartMessage,
} from "./loader_messages.ts";

export type { BatchSpec } from "./loader_messages.ts";

/** How batches are made ahead of their use. */
export interface LoaderOptions {
  readonly spec: BatchSpec;
  /** Images B per step. */
  readonly batch: number;
  /** The first step, and the end (exclusive) of the steps that batches are made for. */
  readonly firstStep: number;
  readonly endStep: number;
  /** Image numbers of a step, B of them. */
  samplesOf(step: number): Uint32Array;
  /** Threads that decode and crop. @default a quarter of the processors, 1 to 8 */
  readonly threads?: number;
  /** Batches made ahead. @default 3, and one more than threads */
  readonly ahead?: number;
  /** Decoded images kept for the next epoch, all threads together, bytes. @default 1 GiB */
  readonly cacheBytes?: number;
}

/** The images of one step. */
export interface LoadedBatch {
  /** `[B 3 H W]`, normalised; valid until the next call of `next`. */
  readonly images: Float32Array<ArrayBuffer>;
  /** How long the caller waited for them. */
  readonly waitSeconds: number;
}

const GIBIBYTE = 2 ** 30;
const LARGEST_CLOSING_SECONDS = 10;

/**
 * Batches of consecutive steps, made in worker threads ahead of training. The content of a batch depends on its step
 * alone, not on threads, cache or where a run resumed. Memory moves between the threads without a copy.
 */
export class BatchLoader implements AsyncDisposable {
  readonly #options: LoaderOptions;
  readonly #ahead: number;
  readonly #workers: Worker[];
  readonly #closed: PromiseWithResolvers<void>[];
  readonly #requested = new Map<number, PromiseWithResolvers<Float32Array<ArrayBuffer>>>();
  readonly #free: Float32Array<ArrayBuffer>[] = [];
  #nextToRequest: number;
  #nextToGive: number;
  #given: Float32Array<ArrayBuffer> | undefined;
  #broken = false;

  /** @throws {Failure} `unavailable`: the system lets the process open too few files for the threads */
  constructor(options: LoaderOptions) {
    const threads = options.threads ??
      Math.max(1, Math.min(8, Math.floor(navigator.hardwareConcurrency / 4)));
    this.#options = options;
    this.#ahead = options.ahead ?? Math.max(3, threads + 1);
    this.#nextToRequest = this.#nextToGive = options.firstStep;
    expectRoomForThreads(threads);
    this.#closed = Array.from({ length: threads }, () => Promise.withResolvers<void>());
    this.#workers = this.#closed.map((closed) => this.#startWorker(closed));
    const cacheBytes = (options.cacheBytes ?? GIBIBYTE) / threads;
    const start: StartMessage = {
      spec: options.spec,
      cacheBytes,
      budget: new DecodeBudget().shared,
    };
    for (const worker of this.#workers) this.#send(worker, start);
    this.#prefetch();
  }

  /**
   * The batch of the next step; steps must come in order. Reuses the memory of the batch before.
   *
   * @throws {Failure} `data`: an image does not decode, or a shard cannot be read
   * @throws {RangeError} `step` is not the one after the last, or is not before `endStep`
   */
  async next(step: number): Promise<LoadedBatch> {
    if (step !== this.#nextToGive || step >= this.#options.endStep) {
      throw new RangeError(`Cannot give the batch of step ${step}, next is ${this.#nextToGive}`);
    }
    const started = performance.now();
    if (this.#given !== undefined) this.#free.push(this.#given);
    this.#given = undefined;
    this.#prefetch();
    const images = await this.#requested.get(step)!.promise;
    this.#requested.delete(step);
    this.#given = images;
    this.#nextToGive++;
    return { images, waitSeconds: (performance.now() - started) / 1000 };
  }

  /** Requests batches until enough are in flight. */
  #prefetch(): void {
    const { batch, endStep, spec: { size: [height, width] } } = this.#options;
    const end = Math.min(endStep, this.#nextToGive + this.#ahead);
    for (; this.#nextToRequest < end; this.#nextToRequest++) {
      const step = this.#nextToRequest;
      const images = this.#free.pop() ?? new Float32Array(batch * 3 * height * width);
      const samples = new Uint32Array(this.#options.samplesOf(step));
      const answer = Promise.withResolvers<Float32Array<ArrayBuffer>>();
      answer.promise.catch(() => {}); // Reported when the step is requested.
      this.#requested.set(step, answer);
      const request: BatchRequest = { step, samples, images };
      this.#send(this.#workers[step % this.#workers.length]!, request, [images.buffer]);
    }
  }

  #send(worker: Worker, message: LoaderMessage, transfer: Transferable[] = []): void {
    worker.postMessage(message, transfer);
  }

  #startWorker(closed: PromiseWithResolvers<void>): Worker {
    const script = new URL("./loader_worker.ts", import.meta.url);
    const worker = new Worker(script, { type: "module", name: "loader" });
    worker.onmessage = ({ data }: MessageEvent<LoaderAnswer>) => {
      if (data === "closed") return closed.resolve();
      const answer = this.#requested.get(data.step);
      if ("images" in data) answer?.resolve(data.images);
      else {
        const { kind, message } = data.failure;
        answer?.reject(kind === "unexpected" ? new Error(message) : new Failure(kind, message));
      }
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#broken = true;
      closed.resolve();
      const error = new Error(`The loader thread broke down: ${event.message}`);
      for (const { reject } of this.#requested.values()) reject(error);
    };
    return worker;
  }

  /** Ends the threads after the images in flight are decoded. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#broken) { for (const worker of this.#workers) this.#send(worker, "close"); }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, LARGEST_CLOSING_SECONDS * 1000);
    });
    await Promise.race([Promise.all(this.#closed.map(({ promise }) => promise)), enough]);
    clearTimeout(timer);
    for (const worker of this.#workers) worker.terminate();
  }
}
