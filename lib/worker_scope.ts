/** The global scope of workers. */

/** The part of a worker's global scope that is used; its type library cannot be loaded beside the main one. */
export interface WorkerScope<Message, Answer> {
  onmessage: ((event: MessageEvent<Message>) => void) | null;
  postMessage(answer: Answer, transfer?: Transferable[]): void;
  close(): void;
}

/** The scope that a worker runs in. */
export function workerScope<Message, Answer>(): WorkerScope<Message, Answer> {
  return globalThis as unknown as WorkerScope<Message, Answer>;
}
