/** ONNX models as plain objects, and their bytes. Field numbers are those of the public onnx.proto (IR version 9). */

import type { Dtype, HostTensor } from "../tensor.ts";
import { Message } from "./protobuf.ts";

/** Element types of values inside a model. */
export type OnnxType = Dtype | "bool";

/** An operator's attribute; numbers are integers unless wrapped as `{ float }`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly op: string;
  /** Operator domain. @default "" the standard operators */
  readonly domain?: string;
  /** Names of values; an empty name leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxType;
  /** A name stands for an axis of any length. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  /** Version of each operator domain in use. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, HostTensor>;
  /** Free text pairs stored with the model. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const TYPE_CODES: Readonly<Record<OnnxType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
};

function encodeAttribute(name: string, value: OnnxAttribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === "number") return message.integer(3, value).integer(20, 2);
  if (typeof value === "string") return message.string(4, value).integer(20, 3);
  if ("float" in value) return message.float(2, value.float).integer(20, 1);
  for (const item of value) message.integer(8, item);
  return message.integer(20, 7);
}

function encodeNode(node: OnnxNode, index: number): Message {
  const message = new Message();
  for (const input of node.inputs) message.string(1, input);
  for (const output of node.outputs) message.string(2, output);
  message.string(3, `${node.op}_${index}`).string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {})) {
    message.message(5, encodeAttribute(name, value));
  }
  if (node.domain) message.string(7, node.domain);
  return message;
}

/** Large constants in a file of their own beside the model. */
export interface ExternalData {
  /** Name of that file, in the directory of the model. */
  readonly file: string;
  /** Constants of at least so many bytes go there. */
  readonly leastBytes: number;
}

/** Position of a constant in the file beside the model. */
export interface ExternalConstant {
  readonly name: string;
  readonly tensor: HostTensor;
  readonly offset: number;
}

/** Readers map the file into memory; pages begin at multiples of this. */
const PAGE_BYTES = 4096;

/** The constants outside the model file, in the order of their own file. */
export function externalConstants(
  { constants }: OnnxModel,
  { leastBytes }: ExternalData,
): ExternalConstant[] {
  let end = 0;
  return [...constants].filter(([, { data }]) => data.byteLength >= leastBytes)
    .map(([name, tensor]) => {
      const offset = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
      end = offset + tensor.data.byteLength;
      return { name, tensor, offset };
    });
}

function encodeTensor(
  name: string,
  { dtype, shape, data }: HostTensor,
  place: { readonly file: string; readonly offset: number } | undefined,
): Message {
  const message = new Message();
  for (const extent of shape) message.integer(1, extent);
  message.integer(2, TYPE_CODES[dtype]).string(8, name);
  if (place === undefined) {
    return message.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const entries = { location: place.file, offset: place.offset, length: data.byteLength };
  for (const [key, value] of Object.entries(entries)) {
    message.message(13, new Message().string(1, key).string(2, String(value)));
  }
  const external = 1;
  return message.integer(14, external);
}

function encodeValue({ name, type, shape }: OnnxValue): Message {
  const extents = new Message();
  for (const extent of shape) {
    const dimension = new Message();
    if (typeof extent === "number") dimension.integer(1, extent);
    else dimension.string(2, extent);
    extents.message(1, dimension);
  }
  const tensor = new Message().integer(1, TYPE_CODES[type]).message(2, extents);
  return new Message().string(1, name).message(2, new Message().message(1, tensor));
}

/**
 * The bytes of an ONNX file.
 *
 * @param options `external`: the file for large constants, which the caller writes
 * @throws {RangeError} above 2 GiB, the limit of the format without external data
 */
export function encodeOnnx(
  model: OnnxModel,
  { external }: { readonly external?: ExternalData } = {},
): Uint8Array<ArrayBuffer> {
  const outside = external === undefined ? [] : externalConstants(model, external);
  const places = new Map(
    outside.map(({ name, offset }) => [name, { file: external!.file, offset }]),
  );
  const graph = new Message();
  model.nodes.forEach((node, index) => graph.message(1, encodeNode(node, index)));
  graph.string(2, model.name);
  for (const [name, tensor] of model.constants) {
    graph.message(5, encodeTensor(name, tensor, places.get(name)));
  }
  for (const input of model.inputs) graph.message(11, encodeValue(input));
  for (const output of model.outputs) graph.message(12, encodeValue(output));
  const message = new Message().integer(1, 9).string(2, "ijepa").message(7, graph);
  for (const [domain, version] of Object.entries(model.opsets)) {
    message.message(8, new Message().string(1, domain).integer(2, version));
  }
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    message.message(14, new Message().string(1, key).string(2, value));
  }
  if (message.length >= 2 ** 31) {
    throw new RangeError(
      `Cannot encode "${model.name}": an ONNX file holds less than 2 GiB, got ${message.length} bytes`,
    );
  }
  return message.finish();
}
