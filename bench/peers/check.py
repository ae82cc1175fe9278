"""Holds the PyTorch peer to the reference numbers that the project's own tests use.

    python bench/peers/check.py

Six steps of a tiny model: the losses, and every weight and target weight after them.
"""

import json
import sys
from pathlib import Path

import torch
from ijepa import Ijepa, ModelConfig, Trainer
from safetensors.torch import load_file

FIXTURE = Path(__file__).parents[2] / "tests/fixtures/parity/tiny"
LARGEST_LOSS_ERROR = 1e-6
LARGEST_WEIGHT_ERROR = 1e-5


def config_of(model: dict) -> ModelConfig:
    return ModelConfig(
        image_size=(model["image_size"], model["image_size"]),
        patch_size=model["patch_size"],
        width=model["embed_dim"],
        depth=model["depth"],
        heads=model["num_heads"],
        mlp_width=model["embed_dim"] * model["mlp_ratio"],
        predictor_width=model["predictor_embed_dim"],
        predictor_depth=model["predictor_depth"],
        predictor_heads=model["num_heads"],
        predictor_mlp_width=4 * model["predictor_embed_dim"],
    )


def without_keys(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Biases of keys have no true gradient, and AdamW turns rounding noise into whole steps."""
    if not name.endswith("qkv.bias"):
        return tensor
    query, _, value = tensor.chunk(3)
    return torch.cat([query, value])


def main() -> None:
    fixture = json.loads((FIXTURE / "fixture.json").read_text())
    model = Ijepa(config_of(fixture["model"]))
    model.load_state_dict(load_file(FIXTURE / "init.safetensors"))
    adamw = fixture["adamw"]
    trainer = Trainer(model, betas=tuple(adamw["betas"]), epsilon=adamw["eps"])
    loss_error = 0.0
    for index, step in enumerate(fixture["steps"]):
        batch = load_file(FIXTURE / f"step{index}.safetensors")
        loss = trainer.step(
            batch["images"],
            batch["masks_enc"].flatten(0, 1),
            batch["masks_pred"].flatten(0, 1),
            learning_rate=step["lr"],
            weight_decay=step["weight_decay"],
            ema_momentum=step["ema_momentum"],
        )
        loss_error = max(loss_error, abs(loss.item() - step["loss"]) / step["loss"])
    weight_error = 0.0
    state = model.state_dict()
    for name, wanted in load_file(FIXTURE / "final.safetensors").items():
        got, wanted = (without_keys(name, each) for each in (state.pop(name), wanted))
        error = (got - wanted).abs().max() / wanted.abs().max()
        weight_error = max(weight_error, error.item())
    print(f"largest relative error: losses {loss_error:.1e}, weights {weight_error:.1e}")
    if state or loss_error > LARGEST_LOSS_ERROR or weight_error > LARGEST_WEIGHT_ERROR:
        sys.exit(
            f"Cannot vouch for ijepa.py: wanted at most {LARGEST_LOSS_ERROR} and "
            f"{LARGEST_WEIGHT_ERROR}, and no tensor beside the fixture's, got {list(state)}"
        )


if __name__ == "__main__":
    main()
