"""transformers_encode.py DIRECTORY PIXELS OUT: runs an encoder's directory on prepared images.

PIXELS has `pixel_values`; OUT gets `last_hidden_state`. Prints what from_pretrained() found, and the configuration."""

import json
import sys

import complete_torchvision  # noqa: F401
import torch
from safetensors.torch import load_file, save_file
from transformers import IJepaModel

directory, pixels, out = sys.argv[1:]
model, found = IJepaModel.from_pretrained(directory, output_loading_info=True)
with torch.no_grad():
    tokens = model.eval()(pixel_values=load_file(pixels)["pixel_values"]).last_hidden_state
save_file({"last_hidden_state": tokens.contiguous()}, out)
print(json.dumps({
    "found": {key: sorted(str(item) for item in items) for key, items in found.items() if key.endswith("_keys")},
    "config": model.config.to_dict(),
}))
