/**
 * The thread that draws its share of the initial weights, and answers once.
 *
 * @module
 */
import { initialise } from "../model/parameters.ts";
import type { DrawAnswer, DrawRequest } from "./initial_state.ts";

/** The part of a worker's global scope that is used; its type library cannot be loaded beside the main one. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<DrawRequest>) => void) | null;
  postMessage(answer: DrawAnswer, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data: { shapes, initialisation } }) => {
  const answer = Object.fromEntries(
    Object.entries(shapes).map((
      [network, table],
    ) => [network, initialise(table, network, initialisation)]),
  );
  const tensors = Object.values(answer).flatMap((tensors) => Object.values(tensors));
  scope.postMessage(answer, tensors.map(({ data }) => data.buffer));
};
