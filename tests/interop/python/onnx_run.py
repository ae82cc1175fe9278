"""onnx_run.py MODEL PIXELS OUT: checks an ONNX file with the checker of ONNX, then runs it in ONNX Runtime."""

import json
import sys

import onnx
import onnxruntime
from safetensors.numpy import load_file, save_file

path, pixels, out = sys.argv[1:]
onnx.checker.check_model(path, full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
results = session.run(names, {"pixel_values": load_file(pixels)["pixel_values"]})
save_file(dict(zip(names, results)), out)
model = onnx.load(path, load_external_data=False)
print(json.dumps({
    "domains": sorted({node.domain for node in model.graph.node}),
    "external": sum(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer),
}))
