/** Which tensor of other people's weights becomes which tensor of a run (method.md section 7.1). */

import { Failure } from "../failure.ts";
import { fromHuggingFace, huggingFaceNames, huggingFaceShapes } from "../formats/huggingface.ts";
import type { ModelConfig } from "../model/config.ts";
import { POSITIONS, positionTable } from "../model/inference.ts";
import { encoderShapes, predictorShapes, type ShapeTable } from "../model/parameters.ts";
import { type FloatTensor, floatTensor, type HostTensor, type TensorRecord } from "../tensor.ts";

/** Weights under the names that a run has for them, and what to tell a person about them. */
export interface MappedWeights {
  /** `encoder.*`, `target_encoder.*` and, if there is one, `predictor.*` */
  readonly tensors: TensorRecord;
  readonly told: readonly string[];
}

type Network = "encoder" | "target_encoder" | "predictor";

/** Tensors of one network, with the names they have in the file for messages. */
type Found = ReadonlyMap<string, { readonly tensor: HostTensor; readonly shown: string }>;

const HUGGING_FACE_POSITIONS = huggingFaceNames(POSITIONS)[0]!;
/** Fixed tables, which a run makes for its own grid. */
const TABLES = [POSITIONS, HUGGING_FACE_POSITIONS, "predictor_pos_embed"];
/** Left by data-parallel training. */
const WRAPPER = "module.";
const COMPLAINTS_SHOWN = 3;
/** Position tables in float32 are as near as this. */
const SAME_TABLE = 1e-4;

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
    encoder: new Map<string, { tensor: HostTensor; shown: string }>(),
    target_encoder: new Map<string, { tensor: HostTensor; shown: string }>(),
    predictor: new Map<string, { tensor: HostTensor; shown: string }>(),
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
    if (Object.hasOwn(shapes, name) || TABLES.includes(name)) continue;
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

function toFloat32({ dtype, shape, data }: HostTensor): FloatTensor {
  return floatTensor(
    shape,
    dtype === "float32" ? data : Float32Array.from(data as Float64Array<ArrayBuffer>),
  );
}

/** The tensors of a network that fits, under the official names; shapes say which names the file has. */
function take(found: Found, shapes: ShapeTable, official: ShapeTable): TensorRecord {
  const tensors = Object.fromEntries(
    Object.keys(shapes).map((name) => [name, toFloat32(found.get(name)!.tensor)]),
  );
  return shapes === official ? tensors : fromHuggingFace(tensors, official);
}

function prefixed(network: Network, tensors: TensorRecord): TensorRecord {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [`${network}.${name}`, tensor]),
  );
}

/** A run's table is fixed, so one that is another is not loaded; the encoder has to get used to the change. */
function tellPositions(found: Found, model: ModelConfig): string[] {
  const there = found.get(POSITIONS) ?? found.get(HUGGING_FACE_POSITIONS);
  if (there === undefined) return [];
  const { tensor: { shape, data }, shown } = there;
  const own = positionTable(model.encoder);
  const ours = `this run's fixed one [${own.shape.join(" ")}]`;
  if (shape.join() !== own.shape.join()) {
    return [
      `${shown} [${shape.join(" ")}] is for another grid of patches, ${ours} takes its place`,
    ];
  }
  const largest = own.data.reduce((most, x, i) => Math.max(most, Math.abs(x - Number(data[i]))), 0);
  if (largest <= SAME_TABLE) return [];
  return [
    `${shown} differs by up to ${largest.toPrecision(3)} from ${ours}, which takes its place`,
  ];
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
 * gives it to both networks; a predictor is taken if there is one. Every tensor must have a place and fit it.
 *
 * @param tensors weights, see {@link isWeight}
 * @throws {Failure} `data`: names and shapes that do not fit
 */
export function mapWeights(
  tensors: TensorRecord,
  { path, model }: { readonly path: string; readonly model: ModelConfig },
): MappedWeights {
  const networks = sortByNetwork(tensors);
  const target: Network = networks.target_encoder.size > 0 ? "target_encoder" : "encoder";
  const context: Network = networks.encoder.size > 0 ? "encoder" : target;
  const official = encoderShapes(model.encoder);
  const complaints: string[] = [];
  function mapNetwork(network: Network, own: ShapeTable): TensorRecord {
    const found = networks[network];
    const shapes = network !== "predictor" && isHuggingFace(found) ? huggingFaceShapes(own) : own;
    const these = complaintsOf(network, found, shapes);
    complaints.push(...these);
    return these.length === 0 ? take(found, shapes, own) : {};
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
      ...prefixed("encoder", encoder),
      ...prefixed("target_encoder", targetEncoder),
      ...prefixed("predictor", predictor ?? {}),
    },
    told: [
      `starting from "${path}": ${shares.join(", ")}${note}`,
      ...tellPositions(networks[context], model),
    ],
  };
}
