/** Which tensor of other people's weights becomes which tensor of a run (method.md section 7.1). */

import { Failure } from "../failure.ts";
import { fromHuggingFace, huggingFaceShapes } from "../formats/huggingface.ts";
import { gridOf, type ModelConfig } from "../model/config.ts";
import type { Grid } from "../model/masks.ts";
import { encoderShapes, predictorShapes, type ShapeTable } from "../model/parameters.ts";
import { POSITIONS, PREDICTOR_POSITIONS } from "../model/positions.ts";
import { prefixed, type TensorRecord } from "../tensor.ts";
import { fitTable, type FoundTensor, TABLE_NAMES, toFloat32 } from "./tables.ts";

/** Weights under the names that a run has for them, and what to tell a person about them. */
export interface MappedWeights {
  /** `encoder.*`, `target_encoder.*` and, if there is one, `predictor.*` */
  readonly tensors: TensorRecord;
  readonly told: readonly string[];
}

type Network = "encoder" | "target_encoder" | "predictor";

/** Tensors of one network, with the names they have in the file for messages. */
type Found = ReadonlyMap<string, FoundTensor>;

/** Left by data-parallel training. */
const WRAPPER = "module.";
const COMPLAINTS_SHOWN = 3;

/** Whether a tensor of a checkpoint is a weight; moments of optimizers need not be loaded. */
export function isWeight(name: string): boolean {
  return !/^(moment1|moment2|opt|scaler)\./.test(name);
}

/** `encoder.` is also how transformers calls the blocks of an encoder: `encoder.layer.0...`. */
function placeOf(name: string): readonly [Network, rest: string] {
  const bare = name.startsWith(WRAPPER) ? name.slice(WRAPPER.length) : name;
  const match = /^(encoder|target_encoder|predictor)\.(?!layer\.)(.+)$/.exec(bare);
  if (match === null) return ["encoder", bare];
  const [, network, rest] = match as unknown as [string, Network, string];
  return [network, rest.startsWith(WRAPPER) ? rest.slice(WRAPPER.length) : rest];
}

function sortByNetwork(tensors: TensorRecord): Readonly<Record<Network, Found>> {
  const networks = {
    encoder: new Map<string, FoundTensor>(),
    target_encoder: new Map<string, FoundTensor>(),
    predictor: new Map<string, FoundTensor>(),
  };
  for (const [shown, tensor] of Object.entries(tensors)) {
    const [network, name] = placeOf(shown);
    // Two tensors for one place: the second one finds none under its whole name.
    networks[network].set(networks[network].has(name) ? shown : name, { tensor, shown });
  }
  return networks;
}

/** What does not fit, one phrase each: missing, misshapen, or without a place. */
function complaintsOf(network: Network, found: Found, shapes: ShapeTable): string[] {
  const complaints: string[] = [];
  for (const [name, shape] of Object.entries(shapes)) {
    const wanted = `wanted [${shape.join(" ")}]`;
    const here = found.get(name);
    if (here === undefined) {
      complaints.push(`${name} of the ${wordsOf(network)} is missing, ${wanted}`);
    } else if (!/^float/.test(here.tensor.dtype) || here.tensor.shape.join() !== shape.join()) {
      const { dtype, shape: got } = here.tensor;
      const type = /^float/.test(dtype) ? "" : `${dtype} `;
      complaints.push(`${here.shown} is ${type}[${got.join(" ")}], ${wanted}`);
    } else {
      const bad = (here.tensor.data as Float32Array).find((value) => !Number.isFinite(value));
      if (bad !== undefined) complaints.push(`${here.shown} [${shape.join(" ")}] holds ${bad}`);
    }
  }
  for (const [name, { tensor, shown }] of found) {
    if (Object.hasOwn(shapes, name) || TABLE_NAMES.includes(name)) continue;
    complaints.push(`${shown} [${tensor.shape.join(" ")}] has no place`);
  }
  return complaints;
}

function wordsOf(network: Network): string {
  return network.replace("_", " ");
}

function isHuggingFace(found: Found): boolean {
  return [...found.keys()].some((name) => /^(embeddings|layernorm|encoder\.layer)\./.test(name));
}

/** The tensors of a network that fits, under the official names; shapes say which names the file has. */
function take(found: Found, shapes: ShapeTable, official: ShapeTable): TensorRecord {
  const tensors = Object.fromEntries(
    Object.keys(shapes).map((name) => [name, toFloat32(found.get(name)!.tensor)]),
  );
  return shapes === official ? tensors : fromHuggingFace(tensors, official);
}

function refuse(path: string, complaints: readonly string[]): Failure {
  const more = complaints.length - COMPLAINTS_SHOWN;
  const shown = complaints.slice(0, COMPLAINTS_SHOWN).join(", ");
  const rest = more > 0 ? ` and ${more} more do not fit` : "";
  return new Failure(
    "data",
    `Cannot start from "${path}": ${shown}${rest}, ` +
      "give weights of this model or set model.* to their sizes",
  );
}

function countOf(tensors: TensorRecord): string {
  return `${Object.keys(tensors).length} tensors`;
}

/**
 * Maps official, timm and Hugging Face names, with or without `module.`, to the names of a run. A file with one encoder
 * gives it to both networks; a predictor is taken if there is one. Every tensor must have a place and fit it; position
 * tables are resized. A network without a table keeps the sine-cosine one.
 *
 * @param tensors weights, see {@link isWeight}
 * @param options `grid`: the grid of patches that the weights were trained on, where their source says it
 * @throws {Failure} `data`: names and shapes that do not fit
 */
export function mapWeights(
  tensors: TensorRecord,
  { path, model, grid }: {
    readonly path: string;
    readonly model: ModelConfig;
    readonly grid?: Grid | undefined;
  },
): MappedWeights {
  const networks = sortByNetwork(tensors);
  const target: Network = networks.target_encoder.size > 0 ? "target_encoder" : "encoder";
  const context: Network = networks.encoder.size > 0 ? "encoder" : target;
  const official = encoderShapes(model.encoder);
  const complaints: string[] = [], told: string[] = [];
  function mapTable(network: Network, name: string, width: number): TensorRecord {
    const found = TABLE_NAMES.map((known) => networks[network].get(known))
      .find((tensor) => tensor !== undefined);
    if (found === undefined) return {};
    const fitted = fitTable(found, { width, own: gridOf(model.encoder), source: grid });
    if ("complaint" in fitted) {
      complaints.push(fitted.complaint);
      return {};
    }
    if (fitted.told !== undefined) told.push(fitted.told);
    return { [name]: fitted.table };
  }
  function mapNetwork(network: Network, own: ShapeTable): TensorRecord {
    const found = networks[network];
    const shapes = network !== "predictor" && isHuggingFace(found) ? huggingFaceShapes(own) : own;
    const these = complaintsOf(network, found, shapes);
    complaints.push(...these);
    if (these.length > 0) return {};
    const [name, width] = network === "predictor"
      ? [PREDICTOR_POSITIONS, model.predictor.width]
      : [POSITIONS, model.encoder.width];
    return { ...mapTable(network, name, width), ...take(found, shapes, own) };
  }
  const encoder = mapNetwork(context, official);
  const targetEncoder = target === context ? encoder : mapNetwork(target, official);
  const predictor = networks.predictor.size === 0
    ? undefined
    : mapNetwork("predictor", predictorShapes(model));
  if (complaints.length > 0) throw refuse(path, complaints);
  const shares = [
    `${countOf(encoder)} to the encoder`,
    `${target === context ? "the same" : countOf(targetEncoder)} to the target encoder`,
    predictor === undefined
      ? "none to the predictor, which is new"
      : `${countOf(predictor)} to the predictor`,
  ];
  const stripped = Object.keys(tensors).some((name) => /(^|\.)module\./.test(name));
  const note = stripped ? '; "module." stripped from the names' : "";
  return {
    tensors: {
      ...prefixed("encoder.", encoder),
      ...prefixed("target_encoder.", targetEncoder),
      ...prefixed("predictor.", predictor ?? {}),
    },
    told: [`starting from "${path}": ${shares.join(", ")}${note}`, ...told],
  };
}
