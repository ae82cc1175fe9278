/** Runs an ONNX file from disk once. */
import { type HostTensor, sizeOf, type TensorRecord } from "../tensor.ts";
import { OnnxRuntimeLibrary, type SessionSettings } from "./onnxruntime.ts";

/** Inputs and outputs of a run of a model file. */
export interface OnnxFileRun {
  readonly feeds: TensorRecord;
  /** Shapes of the requested float32 results, by name. */
  readonly results: Readonly<Record<string, readonly number[]>>;
  readonly settings: SessionSettings;
}

/**
 * Runs an ONNX file once, as any other program with ONNX Runtime would.
 *
 * @throws {Error} the library does not accept the file, or it has other inputs, outputs or shapes
 */
export async function runOnnxFile(
  path: string,
  { feeds, results, settings }: OnnxFileRun,
): Promise<TensorRecord> {
  const library = new OnnxRuntimeLibrary();
  const session = library.createSession(path, settings);
  const made = Object.entries(results).map(([name, shape]): [string, HostTensor] => [
    name,
    { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) },
  ]);
  // What the library reads while it runs must not be collected.
  const pinned: ArrayBufferView[] = Object.values(feeds).map(({ data }) => data);
  const names = (list: readonly string[]) =>
    BigUint64Array.from(list, (name) => {
      const bytes = new TextEncoder().encode(name + "\0");
      pinned.push(bytes);
      return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
    });
  const values = [...Object.values(feeds), ...made.map(([, tensor]) => tensor)]
    .map(({ data, shape, dtype }) => library.createValue(data, shape, dtype));
  const addresses = BigUint64Array.from(values, (v) => BigInt(Deno.UnsafePointer.value(v)));
  const fed = Object.keys(feeds);
  try {
    await library.run(session, {
      inputNames: names(fed),
      inputs: addresses.slice(0, fed.length),
      outputNames: names(made.map(([name]) => name)),
      outputs: addresses.slice(fed.length),
    });
  } finally {
    for (const value of values) library.call("releaseValue", value);
    library.call("releaseSession", session);
    pinned.length = 0;
  }
  return Object.fromEntries(made);
}
