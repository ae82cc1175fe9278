/** The state of a run between steps: three networks and the optimizer's moments, under the official names. */

import type { ModelConfig } from "../model/config.ts";
import {
  encoderShapes,
  finishedPredictorShapes,
  finishedShapes,
  type Initialisation,
  initialise,
  predictorShapes,
  type ShapeTable,
  trainedShapes,
} from "../model/parameters.ts";
import {
  POSITIONS,
  positionTable,
  PREDICTOR_POSITIONS,
  predictorPositionTable,
} from "../model/positions.ts";
import { floatTensor, prefixed, type TensorRecord } from "../tensor.ts";

/** Shapes of the position tables: part of the networks, never trained. */
function tableShapes(model: ModelConfig): ShapeTable {
  const encoder = { [POSITIONS]: finishedShapes(model.encoder)[POSITIONS]! };
  const predictor = {
    [PREDICTOR_POSITIONS]: finishedPredictorShapes(model)[PREDICTOR_POSITIONS]!,
  };
  return {
    ...prefixed("encoder.", encoder),
    ...prefixed("predictor.", predictor),
    ...prefixed("target_encoder.", encoder),
  };
}

/** Shapes of the tensors that a step changes: trained tensors, target encoder, moments. */
export function updatedShapes(model: ModelConfig): ShapeTable {
  const trained = trainedShapes(model);
  return {
    ...trained,
    ...prefixed("target_encoder.", encoderShapes(model.encoder)),
    ...prefixed("moment1.", trained),
    ...prefixed("moment2.", trained),
  };
}

/** Shapes of everything that a checkpoint holds. */
export function stateShapes(model: ModelConfig): ShapeTable {
  return { ...tableShapes(model), ...updatedShapes(model) };
}

/** Shapes of the tensors that start with random values or fixed ones, by network. */
export function randomShapes(model: ModelConfig): Readonly<Record<StartingNetwork, ShapeTable>> {
  return { encoder: encoderShapes(model.encoder), predictor: predictorShapes(model) };
}

/** The networks that are drawn; the target encoder starts as a copy. */
export type StartingNetwork = "encoder" | "predictor";

/** The state before the first step from weights: target equal to the encoder, moments zero, sine-cosine positions. */
export function stateWith(
  model: ModelConfig,
  weights: Readonly<Record<StartingNetwork, TensorRecord>>,
): TensorRecord {
  const encoder = { [POSITIONS]: positionTable(model.encoder), ...weights.encoder };
  const predictor = { [PREDICTOR_POSITIONS]: predictorPositionTable(model), ...weights.predictor };
  const zeros = Object.fromEntries(
    Object.entries(trainedShapes(model)).map(([name, shape]) => [name, floatTensor(shape)]),
  );
  return {
    ...prefixed("encoder.", encoder),
    ...prefixed("predictor.", predictor),
    ...prefixed("target_encoder.", encoder),
    ...prefixed("moment1.", zeros),
    ...prefixed("moment2.", zeros),
  };
}

/** The state before the first step with random weights. */
export function initialState(model: ModelConfig, initialisation: Initialisation): TensorRecord {
  const { encoder, predictor } = randomShapes(model);
  return stateWith(model, {
    encoder: initialise(encoder, "encoder", initialisation),
    predictor: initialise(predictor, "predictor", initialisation),
  });
}
