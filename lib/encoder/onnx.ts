/** Exports an encoder as an ONNX file. */
import { join } from "node:path";
import { bindInputs, emitOnnx, simplify, traceProgram, verifyGraph } from "../compile/mod.ts";
import { writeAll } from "../files/mod.ts";
import { encodeOnnx, externalConstants, type OnnxModel } from "../formats/onnx.ts";
import { encoderProgram } from "../model/inference.ts";
import { type Encoder, ENCODER_FILES } from "./directory.ts";

/** Weights of more bytes go into a file of their own: the format holds less than 2 GiB in one. */
const LARGEST_INSIDE_BYTES = 1_900_000_000;

/** Smaller constants stay in the model file in any case. */
const LEAST_OUTSIDE_BYTES = 1024;

/** The encoder as an ONNX model with the weights inside: `pixel_values` in, `last_hidden_state`, `pooler_output` out. */
export function onnxModelOf({ config, weights, network }: Encoder): OnnxModel {
  const graph = bindInputs(simplify(traceProgram(encoderProgram(config))), weights);
  verifyGraph(graph);
  const model = emitOnnx(graph, { portable: true });
  return { ...model, metadata: { "ijepa.encoder": network } };
}

/**
 * Writes `onnx/model.onnx` into an encoder directory, with `model.onnx_data` beside it for large weights.
 *
 * @param options `largestInsideBytes`: weights of more bytes get a file of their own
 */
export async function writeOnnx(
  directory: string,
  encoder: Encoder,
  { largestInsideBytes = LARGEST_INSIDE_BYTES }: { readonly largestInsideBytes?: number } = {},
): Promise<void> {
  const model = onnxModelOf(encoder);
  const path = join(directory, ENCODER_FILES.onnx);
  await Deno.mkdir(join(path, ".."), { recursive: true });
  const bytes = [...model.constants.values()].reduce((sum, t) => sum + t.data.byteLength, 0);
  if (bytes <= largestInsideBytes) {
    await Deno.writeFile(path, encodeOnnx(model));
    return;
  }
  const external = { file: "model.onnx_data", leastBytes: LEAST_OUTSIDE_BYTES };
  await Deno.writeFile(path, encodeOnnx(model, { external }));
  using file = await Deno.open(join(path, "..", external.file), { write: true, create: true });
  for (const { tensor: { data }, offset } of externalConstants(model, external)) {
    await file.seek(offset, Deno.SeekMode.Start);
    await writeAll(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
}
