"""Trains the steps of a folder that bench/step/cases.ts has filled, and times them.

    python bench/peers/step.py FOLDER eager|compiled
"""

import json
import sys
from pathlib import Path

import torch
from ijepa import Ijepa, ModelConfig, Trainer
from measured import measure
from safetensors.torch import load_file
from twin import load_trained


def config_of(step: dict) -> ModelConfig:
    encoder, predictor = step["model"]["encoder"], step["model"]["predictor"]
    return ModelConfig(
        image_size=tuple(encoder["imageSize"]),
        patch_size=encoder["patchSize"],
        width=encoder["width"],
        depth=encoder["depth"],
        heads=encoder["heads"],
        mlp_width=encoder["mlpWidth"],
        predictor_width=predictor["width"],
        predictor_depth=predictor["depth"],
        predictor_heads=predictor["heads"],
        predictor_mlp_width=predictor["mlpWidth"],
    )


def main() -> None:
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    work = json.loads((folder / "work.json").read_text())
    torch.set_num_threads(work["threads"])
    batch = load_file(folder / "batch.safetensors")
    images = batch.pop("images")
    masks = {name: indices.long() for name, indices in batch.items()}

    model = Ijepa(config_of(work["step"]))
    load_trained(model, folder / "initial.safetensors")
    adamw, hyper = work["step"]["optimizer"], work["hyper"]
    trainer = Trainer(
        model,
        betas=(adamw["beta1"], adamw["beta2"]),
        epsilon=adamw["epsilon"],
        compiled=mode == "compiled",
    )

    def step(index: int) -> float:
        loss = trainer.step(
            images,
            masks[f"{index}.context"],
            masks[f"{index}.targets"],
            learning_rate=hyper["learningRate"],
            weight_decay=hyper["weightDecay"],
            ema_momentum=hyper["emaMomentum"],
        )
        return loss.item()

    library = f"PyTorch {torch.__version__}, CPU, {work['threads']} threads, {mode}"
    measure(step, warm_up=work["warmUpSteps"], timed=work["timedSteps"], library=library)


if __name__ == "__main__":
    main()
