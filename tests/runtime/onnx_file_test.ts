import assert from "node:assert/strict";
import { join } from "node:path";
import { encodeOnnx, externalConstants, type OnnxModel } from "../../lib/formats/onnx.ts";
import { runOnnxFile } from "../../lib/runtime/onnx_file.ts";
import { floatTensor } from "../../lib/tensor.ts";

/** `y = x * scale + shift` */
const MODEL: OnnxModel = {
  name: "affine",
  opsets: { "": 17 },
  inputs: [{ name: "x", type: "float32", shape: ["n", 2] }],
  outputs: [{ name: "y", type: "float32", shape: ["n", 2] }],
  nodes: [
    { op: "Mul", inputs: ["x", "scale"], outputs: ["scaled"] },
    { op: "Add", inputs: ["scaled", "shift"], outputs: ["y"] },
  ],
  constants: new Map([
    ["scale", floatTensor([2], Float32Array.of(3, 5))],
    ["shift", floatTensor([2], Float32Array.of(10, 20))],
  ]),
};
const RUN = {
  feeds: { x: floatTensor([2, 2], Float32Array.of(1, 2, 4, 8)) },
  results: { y: [2, 2] },
  settings: { threads: 1 },
};

Deno.test("runOnnxFile() runs a file with its constants inside or beside it", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "model.onnx");
    await Deno.writeFile(path, encodeOnnx(MODEL));
    assert.deepEqual([...(await runOnnxFile(path, RUN))["y"]!.data], [13, 30, 22, 60]);

    const external = { file: "model.onnx_data", leastBytes: 8 };
    const places = externalConstants(MODEL, external);
    assert.deepEqual(places.map(({ name, offset }) => [name, offset]), [["scale", 0], [
      "shift",
      4096,
    ]]);
    const data = new Float32Array(1026);
    data.set([7, 9], 0);
    data.set([1, 2], 1024);
    await Deno.writeFile(join(directory, "model.onnx_data"), new Uint8Array(data.buffer));
    await Deno.writeFile(path, encodeOnnx(MODEL, { external }));
    assert.deepEqual([...(await runOnnxFile(path, RUN))["y"]!.data], [8, 20, 29, 74]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("runOnnxFile() hands on what the library says", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "model.onnx");
    await Deno.writeFile(path, encodeOnnx(MODEL));
    await assert.rejects(() => runOnnxFile(path, { ...RUN, results: { z: [2, 2] } }), {
      message: "ONNX Runtime: Invalid output name: z",
    });
    await Deno.writeTextFile(path, "no model");
    await assert.rejects(() => runOnnxFile(path, RUN), /ONNX Runtime: Load model from .* failed/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
