"""safetensors_read.py FILE: metadata, and per tensor its type, shape and the hash of its bytes."""

import hashlib
import json
import sys

from safetensors import safe_open

with safe_open(sys.argv[1], framework="np") as file:
    tensors = {name: file.get_tensor(name) for name in file.keys()}
    metadata = file.metadata()
print(json.dumps({
    "metadata": metadata,
    "tensors": {
        name: [str(tensor.dtype), list(tensor.shape), hashlib.sha256(tensor.tobytes()).hexdigest()]
        for name, tensor in tensors.items()
    },
}))
