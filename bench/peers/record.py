"""Records of runs that bench/twin/record.ts has written, and encoders as the features stage reads them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from ijepa import Encoder, ModelConfig
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


def read_record(folder: Path) -> dict:
    """Sizes and constants of a run."""
    return json.loads((folder / "record.json").read_text())


def model_config(record: dict) -> ModelConfig:
    sizes = record["model"]
    return ModelConfig(**{**sizes, "image_size": tuple(sizes["image_size"])})


def recorded_steps(
    folder: Path, record: dict, parts: list[str]
) -> Iterator[tuple[list[Tensor], dict[str, float]]]:
    """The named parts of every step, indices as int64, and the values of the schedules."""
    for first in range(0, record["steps"], record["steps_per_file"]):
        tensors = load_file(folder / f"steps-{first:08d}.safetensors")
        for index in range(len(tensors["learning_rate"])):
            wanted = [tensors[f"{first + index}.{part}"] for part in parts]
            values = {name: tensors[name][index].item() for name in SCHEDULE_VALUES}
            yield [part.long() if part.dtype == torch.int32 else part for part in wanted], values


def write_encoder(encoder: Encoder, source: Path, out: Path, *, steps: int) -> None:
    """The directory `source`, which has an encoder of the same sizes, with other weights."""
    out.mkdir(exist_ok=True)
    for name in SETTINGS_FILES:
        shutil.copyfile(source / name, out / name)
    metadata = {"format": "pt", "ijepa.encoder": "target", "ijepa.step": str(steps)}
    save_file(to_hugging_face(encoder), out / "model.safetensors", metadata=metadata)


def write_summary(out: Path, *, steps: int, seconds: float) -> None:
    """What training took; where it lies, the run is complete."""
    summary = {"steps": steps, "seconds": seconds, "threads": torch.get_num_threads()}
    (out / "summary.json").write_text(json.dumps(summary) + "\n")
