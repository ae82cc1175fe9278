/** Maps the tensors of foreign weights to those of a run (docs/method.md section 8.2). */

import { Failure } from "../failure.ts";
import { fromHuggingFace, huggingFaceNames, huggingFaceShapes } from "../formats/huggingface.ts";
import { type EncoderConfig, gridOf, type ModelConfig } from "../model/config.ts";
import type { Grid } from "../model/masks.ts";
import { encoderShapes, predictorShapes, type ShapeTable } from "../model/parameters.ts";
import { POSITIONS, PREDICTOR_POSITIONS } from "../model/positions.ts";
import { REGISTERS } from "../model/registers.ts";
import { type HostTensor, prefixed, type TensorRecord } from "../tensor.ts";
import {
  describeNames,
  type Found,
  type Network,
  someOf,
  sortByNetwork,
  WANTED_NAME,
} from "./names.ts";
import { fitTable, TABLE_NAMES, toFloat32 } from "./tables.ts";

/** Weights under the names of a run, and notes for the user. */
export interface MappedWeights {
  /** `encoder.*`, `target_encoder.*` and, if there is one, `predictor.*` */
  readonly tensors: TensorRecord;
  readonly notes: readonly string[];
}

const COMPLAINTS_SHOWN = 3;

/** Names that registers and the table of positions have under the names of Hugging Face. */
const [REGISTERS_THERE, POSITIONS_THERE] = [REGISTERS, POSITIONS]
  .map((official) => huggingFaceNames(official)[0]!) as [string, string];

/** Whether a tensor of a checkpoint is a weight; moments of optimizers need not be loaded. */
export function isWeight(name: string): boolean {
  return !/^(moment1|moment2|opt|scaler)\./.test(name);
}

/** Tensors that do not fit, one phrase each. */
interface Complaints {
  /** Missing, misshapen, or not finite. */
  readonly lacking: string[];
  /** Not a tensor of the run. */
  readonly unplaced: string[];
}

function isFloat(tensor: HostTensor): boolean {
  return tensor.dtype === "float32" || tensor.dtype === "float64";
}

function complain(
  { lacking, unplaced }: Complaints,
  { network, found, shapes }: {
    readonly network: Network;
    readonly found: Found;
    readonly shapes: ShapeTable;
  },
): void {
  for (const [name, shape] of Object.entries(shapes)) {
    const wanted = `wanted [${shape.join(" ")}]`;
    const here = found.get(name);
    if (here === undefined) {
      lacking.push(`${name} of the ${wordsOf(network)} is missing, ${wanted}`);
    } else if (!isFloat(here.tensor) || here.tensor.shape.join() !== shape.join()) {
      const { dtype, shape: got } = here.tensor;
      const type = isFloat(here.tensor) ? "" : `${dtype} `;
      lacking.push(`${here.shown} is ${type}[${got.join(" ")}], ${wanted}`);
    } else {
      const bad = (here.tensor.data as Float32Array).find((value) => !Number.isFinite(value));
      if (bad !== undefined) lacking.push(`${here.shown} [${shape.join(" ")}] holds ${bad}`);
    }
  }
  for (const [name, { tensor, shown }] of found) {
    if (Object.hasOwn(shapes, name) || TABLE_NAMES.includes(name)) continue;
    const unless = isRegisters(name) ? ` without model.registers=${tensor.shape[1]}` : "";
    unplaced.push(`${shown} [${tensor.shape.join(" ")}] has no place${unless}`);
  }
}

function isRegisters(name: string): boolean {
  return name === REGISTERS || name === REGISTERS_THERE;
}

/** The expected tensors of an encoder. Registers are optional if no network of the file has them. */
function wantedOf(config: EncoderConfig, networks: readonly Found[]): ShapeTable {
  const there = networks.some((found) => [...found.keys()].some(isRegisters));
  const { registers: _, ...without } = config;
  return encoderShapes(there ? config : without);
}

function wordsOf(network: Network): string {
  return network.replace("_", " ");
}

function isHuggingFace(found: Found): boolean {
  return [...found.keys()].some((name) => /^(embeddings|layernorm|encoder\.layer)\./.test(name));
}

/** The tensors of a network that fits, under the official names; `shapes` has the names in the file. */
function take(found: Found, shapes: ShapeTable, official: ShapeTable): TensorRecord {
  const tensors = Object.fromEntries(
    Object.keys(shapes).map((name) => [name, toFloat32(found.get(name)!.tensor)]),
  );
  return shapes === official ? tensors : fromHuggingFace(tensors, official);
}

function refuse(path: string, what: string): Failure {
  return new Failure(
    "data",
    `Cannot start from "${path}": ${what}, ` +
      "give weights of this model or set model.* to their sizes",
  );
}

/** Some of each kind, so that missing tensors do not hide unexpected ones. */
function summaryOf({ lacking, unplaced }: Complaints): string {
  return [lacking, unplaced].filter((kind) => kind.length > 0).map((kind) => {
    const more = kind.length - COMPLAINTS_SHOWN;
    const shown = kind.slice(0, COMPLAINTS_SHOWN).join(", ");
    return more > 0 ? `${shown} and ${more} more do not fit` : shown;
  }).join("; ");
}

function countOf(tensors: TensorRecord): string {
  return `${Object.keys(tensors).length} tensors`;
}

/**
 * Maps official, timm and Hugging Face names, with any prefix, to the names of a run. A file with one encoder gives it
 * to both networks; a predictor is taken if there is one. Every tensor must have a place and fit it; position tables
 * are resized. A network without a table keeps the sine-cosine one, an encoder without registers has new ones.
 *
 * @param tensors weights, see {@link isWeight}
 * @param options `grid`: the grid of patches that the weights were trained on, if their source states it
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
  const { networks, stripped, outside, ambiguous } = sortByNetwork(tensors);
  if (ambiguous.length > 0) {
    throw refuse(path, `it has ${ambiguous.join(", and ")}, save those alone that are meant`);
  }
  if (networks.encoder.size + networks.target_encoder.size === 0) {
    throw refuse(path, `${describeNames(Object.keys(tensors))}, wanted ${WANTED_NAME}`);
  }
  const target: Network = networks.target_encoder.size > 0 ? "target_encoder" : "encoder";
  const context: Network = networks.encoder.size > 0 ? "encoder" : target;
  const official = wantedOf(model.encoder, [networks.encoder, networks.target_encoder]);
  const complaints: Complaints = { lacking: [], unplaced: [] }, notes: string[] = [];
  const countOfComplaints = () => complaints.lacking.length + complaints.unplaced.length;
  function mapTable(network: Network, name: string, width: number): TensorRecord {
    const tensors = networks[network];
    const known = TABLE_NAMES.find((table) => tensors.has(table));
    if (known === undefined) return {};
    // Only under these names do tables have rows for registers.
    const registers = known === POSITIONS_THERE && tensors.has(REGISTERS_THERE)
      ? model.encoder.registers ?? 0
      : 0;
    const wanted = { width, own: gridOf(model.encoder), source: grid, registers };
    const fitted = fitTable(tensors.get(known)!, wanted);
    if ("complaint" in fitted) {
      complaints.lacking.push(fitted.complaint);
      return {};
    }
    if (fitted.note !== undefined) notes.push(fitted.note);
    return { [name]: fitted.table };
  }
  function mapNetwork(network: Network, own: ShapeTable): TensorRecord {
    const found = networks[network];
    const shapes = network !== "predictor" && isHuggingFace(found) ? huggingFaceShapes(own) : own;
    complain(complaints, { network, found, shapes });
    if (countOfComplaints() > 0) return {};
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
  if (countOfComplaints() > 0) throw refuse(path, summaryOf(complaints));
  const shares = [
    `${countOf(encoder)} to the encoder`,
    `${target === context ? "the same" : countOf(targetEncoder)} to the target encoder`,
    predictor === undefined
      ? "none to the predictor, which is new"
      : `${countOf(predictor)} to the predictor`,
  ];
  const quoted = stripped.map((part) => JSON.stringify(part)).join(" and ");
  const note = stripped.length > 0 ? `; ${quoted} stripped from the names` : "";
  const fresh = model.encoder.registers;
  if (fresh !== undefined && !Object.hasOwn(official, REGISTERS)) {
    notes.push(`it has no registers: the ${fresh} of this run are new`);
  }
  if (outside.length > 0) {
    notes.push(`passed over what belongs to no network of a run: ${someOf(outside)}`);
  }
  return {
    tensors: {
      ...prefixed("encoder.", encoder),
      ...prefixed("target_encoder.", targetEncoder),
      ...prefixed("predictor.", predictor ?? {}),
    },
    notes: [`starting from "${path}": ${shares.join(", ")}${note}`, ...notes],
  };
}
