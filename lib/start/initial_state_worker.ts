/**
 * The thread that draws its share of the initial weights, and answers once.
 *
 * @module
 */
import { initialise } from "../model/parameters.ts";
import { workerScope } from "../worker_scope.ts";
import type { DrawAnswer, DrawRequest } from "./initial_state.ts";

const scope = workerScope<DrawRequest, DrawAnswer>();

scope.onmessage = ({ data: { shapes, initialisation } }) => {
  const answer = Object.fromEntries(
    Object.entries(shapes).map((
      [network, table],
    ) => [network, initialise(table, network, initialisation)]),
  );
  const tensors = Object.values(answer).flatMap((tensors) => Object.values(tensors));
  scope.postMessage(answer, tensors.map(({ data }) => data.buffer));
};
