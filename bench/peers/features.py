"""Embeds a batch of images with transformers, and times it.

    python bench/peers/features.py FOLDER THREADS WARM_UP TIMED
"""

import sys
from pathlib import Path

import complete_torchvision  # noqa: F401
import torch
import transformers
from measured import measure
from safetensors.torch import load_file
from transformers import IJepaModel


def main() -> None:
    folder = Path(sys.argv[1])
    threads, warm_up, timed = map(int, sys.argv[2:])
    torch.set_num_threads(threads)
    model = IJepaModel.from_pretrained(folder).eval()
    images = load_file(folder / "images.safetensors")["images"]

    def embed(_: int) -> float:
        with torch.inference_mode():
            features = model(pixel_values=images).last_hidden_state.mean(1)
        return features.abs().double().mean().item()

    library = (
        f"transformers {transformers.__version__}, PyTorch {torch.__version__}, CPU, "
        f"{threads} threads, eager"
    )
    measure(embed, warm_up=warm_up, timed=timed, library=library)


if __name__ == "__main__":
    main()
