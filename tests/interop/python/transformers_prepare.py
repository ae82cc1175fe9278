"""transformers_prepare.py DIRECTORY OUT IMAGE...: prepares pictures with the image processor of an encoder's directory.

OUT gets `pil` and `torchvision`, [images 3 H W], by the library that resizes."""

import sys

import complete_torchvision  # noqa: F401
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoImageProcessor

directory, out, *images = sys.argv[1:]
prepared = {}
for backend in ("pil", "torchvision"):
    processor = AutoImageProcessor.from_pretrained(directory, backend=backend)
    pixels = [processor(Image.open(image), return_tensors="pt")["pixel_values"] for image in images]
    prepared[backend] = torch.cat(pixels).contiguous()
    print(type(processor).__name__)
save_file(prepared, out)
