"""timm_encode.py STATE ENCODER PIXELS OUT: the target encoder of a run's checkpoint as timm's VisionTransformer.

The weights are `target_encoder.*` of the checkpoint without the prefix; registers have another name there. The sizes
are those of the exported directory ENCODER."""

import json
import pathlib
import sys

import complete_torchvision  # noqa: F401
import timm
import torch
from safetensors.torch import load_file, save_file

state, encoder, pixels, out = sys.argv[1:]
prefix = "target_encoder."
weights = {name[len(prefix):]: tensor for name, tensor in load_file(state).items() if name.startswith(prefix)}
if "register_tokens" in weights:
    weights["reg_token"] = weights.pop("register_tokens")
sizes = json.loads(pathlib.Path(encoder, "config.json").read_text())
model = timm.create_model(
    "vit_base_patch16_224",
    img_size=sizes["image_size"],
    patch_size=sizes["patch_size"],
    embed_dim=sizes["hidden_size"],
    depth=sizes["num_hidden_layers"],
    num_heads=sizes["num_attention_heads"],
    mlp_ratio=sizes["intermediate_size"] / sizes["hidden_size"],
    class_token=False,
    reg_tokens=sizes.get("num_register_tokens", 0),
    no_embed_class=True,
    global_pool="avg",
    fc_norm=False,
    num_classes=0,
)
model.load_state_dict(weights, strict=True)
model.eval()
with torch.no_grad():
    images = load_file(pixels)["pixel_values"]
    tokens = model.forward_features(images)[:, model.num_prefix_tokens:]
    save_file({
        "last_hidden_state": tokens.contiguous(),
        "pooler_output": model(images).contiguous(),
    }, out)
