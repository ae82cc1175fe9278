"""Repeats a recorded run in PyTorch.

    python bench/peers/twin.py RECORD --encoder ENCODER --out OUT [--own-init SEED] [--float64]

RECORD is what bench/twin/record.ts has written, ENCODER an export of the run by the checkpoint
stage. OUT/losses.jsonl gets one line per step; OUT/encoder is ENCODER with the weights of the
target encoder that was trained here, ready for the features stage.
"""

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from ijepa import Encoder, Ijepa, ModelConfig, Trainer
from safetensors.torch import load_file, save_file
from torch import Tensor

SETTINGS_FILES = ["config.json", "preprocessor_config.json"]
SCHEDULE_VALUES = ["learning_rate", "weight_decay", "ema_momentum"]

OUTER_NAMES = {
    "pos_embed": "embeddings.position_embeddings",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
}
BLOCK_NAMES = {
    "norm1": ["layernorm_before"],
    "attn.qkv": [f"attention.attention.{part}" for part in ("query", "key", "value")],
    "attn.proj": ["attention.output.dense"],
    "norm2": ["layernorm_after"],
    "mlp.fc1": ["intermediate.dense"],
    "mlp.fc2": ["output.dense"],
}


def to_hugging_face(encoder: Encoder) -> dict[str, Tensor]:
    """Float32 tensors under the names of IJepaModel; queries, keys and values apart."""
    renamed = {}
    for name, tensor in encoder.state_dict().items():
        tensor = tensor.float()
        if name == "pos_embed":
            renamed[OUTER_NAMES[name]] = tensor
            continue
        layer, kind = name.rsplit(".", 1)
        if not layer.startswith("blocks."):
            renamed[f"{OUTER_NAMES[layer]}.{kind}"] = tensor
            continue
        _, block, layer = layer.split(".", 2)
        parts = BLOCK_NAMES[layer]
        for part, rows in zip(parts, tensor.chunk(len(parts)), strict=True):
            renamed[f"encoder.layer.{block}.{part}.{kind}"] = rows.clone()
    return renamed


def load_trained(model: Ijepa, path: Path) -> None:
    """Takes the trained tensors of a file. The position tables stay those computed here."""
    tensors = load_file(path)
    names = [name for name in model.state_dict() if "pos_embed" not in name]
    model.load_state_dict({name: tensors[name] for name in names}, strict=False)


def recorded_steps(folder: Path, record: dict) -> Iterator[tuple[list[Tensor], dict[str, float]]]:
    """Images, context and targets of every step, and the values of the schedules."""
    for first in range(0, record["steps"], record["steps_per_file"]):
        tensors = load_file(folder / f"steps-{first:08d}.safetensors")
        for index in range(len(tensors["learning_rate"])):
            names = (f"{first + index}.{part}" for part in ("images", "context", "targets"))
            images, context, targets = (tensors[name] for name in names)
            values = {name: tensors[name][index].item() for name in SCHEDULE_VALUES}
            yield [images, context.long(), targets.long()], values


def write_encoder(model: Ijepa, source: Path, out: Path, *, steps: int) -> None:
    out.mkdir(exist_ok=True)
    for name in SETTINGS_FILES:
        shutil.copyfile(source / name, out / name)
    metadata = {"format": "pt", "ijepa.encoder": "target", "ijepa.step": str(steps)}
    save_file(to_hugging_face(model.target_encoder), out / "model.safetensors", metadata=metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description="Repeats a recorded run in PyTorch.")
    parser.add_argument("record", type=Path)
    parser.add_argument("--encoder", type=Path, required=True, help="export of the recorded run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--own-init", type=int, metavar="SEED", help="random weights of PyTorch's")
    parser.add_argument("--float64", action="store_true", help="compute in double precision")
    # Threads that wait for each other are slow where other work shares the processors.
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch, 1 by default")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    record = json.loads((options.record / "record.json").read_text())
    sizes = record["model"]
    model = Ijepa(ModelConfig(**{**sizes, "image_size": tuple(sizes["image_size"])}))
    if options.own_init is None:
        load_trained(model, options.record / "initial.safetensors")
    else:
        model.initialise(seed=options.own_init, **record["initialisation"])
    dtype = torch.float64 if options.float64 else torch.float32
    model.to(dtype)
    adamw = record["adamw"]
    trainer = Trainer(model, betas=tuple(adamw["betas"]), epsilon=adamw["epsilon"])

    options.out.mkdir(parents=True, exist_ok=True)
    with open(options.out / "losses.jsonl", "w") as lines:
        steps = recorded_steps(options.record, record)
        for step, ((images, context, targets), values) in enumerate(steps):
            loss = trainer.step(images.to(dtype), context, targets, **values).item()
            print(json.dumps({"step": step, "loss": loss}), file=lines)
    write_encoder(model, options.encoder, options.out / "encoder", steps=record["steps"])


if __name__ == "__main__":
    main()
