"""torch_clip.py GRADIENTS LIMIT OUT: gradients clipped by PyTorch, and the norm that they had as `norm`."""

import sys

import torch
from safetensors.torch import load_file, save_file

path, limit, out = sys.argv[1:]
parameters = {}
for name, gradient in load_file(path).items():
    parameters[name] = torch.nn.Parameter(torch.zeros_like(gradient))
    parameters[name].grad = gradient
norm = torch.nn.utils.clip_grad_norm_(parameters.values(), float(limit))
save_file({"norm": norm.reshape(1), **{name: each.grad for name, each in parameters.items()}}, out)
