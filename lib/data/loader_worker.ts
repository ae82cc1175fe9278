/**
 * The thread that decodes and crops. Requests are answered in the order in which they come.
 *
 * @module
 */
import { Failure, messageOf } from "../failure.ts";
import { BatchAssembler } from "./assemble.ts";
import type { BatchRequest, LoaderAnswer, LoaderMessage, StartMessage } from "./loader_messages.ts";

/** The part of a worker's global scope that is used; its type library cannot be loaded beside the main one. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<LoaderMessage>) => void) | null;
  postMessage(answer: LoaderAnswer, transfer?: Transferable[]): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
let assembler: Promise<BatchAssembler> | undefined;
let last: Promise<void> = Promise.resolve();
let closing = false;

function start({ spec, cacheBytes }: StartMessage): void {
  assembler = BatchAssembler.open(spec, { cacheBytes });
  assembler.catch(() => {}); // Every request reports it.
}

async function answer(request: BatchRequest): Promise<void> {
  if (closing) return;
  const { step, images } = request;
  try {
    await (await assembler!).fill(request);
    scope.postMessage({ step, images }, [images.buffer]);
  } catch (error) {
    const kind = error instanceof Failure ? error.kind : "unexpected";
    scope.postMessage({ step, failure: { kind, message: messageOf(error) } });
  }
}

/** Ends the thread, but not while sharp is decoding for it. */
async function close(): Promise<void> {
  closing = true;
  const opened = await assembler?.catch(() => undefined);
  opened?.stop();
  await last;
  await opened?.[Symbol.asyncDispose]();
  scope.postMessage("closed");
  scope.close();
}

scope.onmessage = ({ data }) => {
  if (data === "close") close();
  else if ("spec" in data) start(data);
  else last = last.then(() => answer(data));
};
