"""transformers_random.py DIRECTORY EPSILON: saves an IJepaModel with random weights; EPSILON may be `default`."""

import sys

import complete_torchvision  # noqa: F401
import torch
from transformers import IJepaConfig, IJepaModel

directory, epsilon = sys.argv[1:]
torch.manual_seed(0)
config = IJepaConfig(
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=60,
    image_size=[16, 24],
    patch_size=8,
    # Small values, so that the epsilon of LayerNorms matters: by 0.3 of the output at 1e-6.
    initializer_range=2e-4,
    **({} if epsilon == "default" else {"layer_norm_eps": float(epsilon)}),
)
IJepaModel(config).save_pretrained(directory)
print(config.layer_norm_eps)
