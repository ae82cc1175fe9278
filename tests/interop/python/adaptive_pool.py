"""adaptive_pool.py TOKENS OUT REGIONS: adaptive_avg_pool2d of each tensor [B rows columns D] of TOKENS, under its name."""

import sys

import torch
from safetensors.torch import load_file, save_file

tokens, out, regions = sys.argv[1:]
save_file({
    name: torch.nn.functional.adaptive_avg_pool2d(tensor.permute(0, 3, 1, 2), int(regions))
    .permute(0, 2, 3, 1).contiguous()
    for name, tensor in load_file(tokens).items()
}, out)
