/**
 * The thread that decodes and crops. Requests are answered in the order in which they come.
 *
 * @module
 */
import { Failure, messageOf } from "../failure.ts";
import { workerScope } from "../worker_scope.ts";
import { BatchAssembler } from "./assemble.ts";
import { DecodeBudget } from "../images/mod.ts";
import type { BatchRequest, LoaderAnswer, LoaderMessage, StartMessage } from "./loader_messages.ts";

const scope = workerScope<LoaderMessage, LoaderAnswer>();
let assembler: Promise<BatchAssembler> | undefined;
let last: Promise<void> = Promise.resolve();
let closing = false;

function start({ spec, cacheBytes, budget }: StartMessage): void {
  assembler = BatchAssembler.open(spec, { cacheBytes, budget: new DecodeBudget(budget) });
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
