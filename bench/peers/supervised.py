"""Trains the encoder of a recorded run with labels instead, for scale.

    python bench/peers/supervised.py RECORD --encoder ENCODER --out OUT [--seed SEED]

Cross-entropy of a linear map of the mean over the tokens, on the recorded crops and with the
recorded values of the schedules: the same network, images, steps and optimizer as the run has. RECORD
and ENCODER are as for twin.py. OUT/losses.jsonl gets one line per step; OUT/encoder is ENCODER with
the weights that were trained here. OUT/summary.json is written last.
"""

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from ijepa import Encoder, initialise, is_decayed
from record import model_config, read_record, recorded_steps, write_encoder, write_summary
from torch import Tensor, nn

UNLABELLED = -1


class Classifier(nn.Module):
    """Images [B 3 H W] to a score for each class [B C]."""

    def __init__(self, encoder: Encoder, classes: int):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.norm.weight.numel(), classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.encoder(images).mean(dim=1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains an encoder with labels.")
    parser.add_argument("record", type=Path)
    parser.add_argument("--encoder", type=Path, required=True, help="export of the recorded run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch, 1 by default")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    record = read_record(options.record)
    if record["label"] is None:
        raise SystemExit(f'Cannot train: the shards of "{options.record}" have no label of classes')
    model = Classifier(Encoder(model_config(record)), len(record["label"]["classes"]))
    trained = [(name, each) for name, each in model.named_parameters() if each.requires_grad]
    initialise(trained, seed=options.seed, **record["initialisation"])
    adamw = record["adamw"]
    decayed = {"params": [each for name, each in trained if is_decayed(name, each)]}
    others = {"params": [each for name, each in trained if not is_decayed(name, each)]}
    optimizer = torch.optim.AdamW(
        [decayed, others],
        lr=0.0,
        betas=tuple(adamw["betas"]),
        eps=adamw["epsilon"],
        weight_decay=0.0,
        fused=True,
    )

    options.out.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    with open(options.out / "losses.jsonl", "w") as lines:
        steps = recorded_steps(options.record, record, ["images", "labels"])
        for step, ((images, labels), values) in enumerate(steps):
            start = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = values["learning_rate"]
            optimizer.param_groups[0]["weight_decay"] = values["weight_decay"]
            loss = F.cross_entropy(model(images), labels, ignore_index=UNLABELLED)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            seconds += time.perf_counter() - start
            print(json.dumps({"step": step, "loss": loss.item()}), file=lines)
    write_encoder(model.encoder, options.encoder, options.out / "encoder", steps=record["steps"])
    write_summary(options.out, steps=record["steps"], seconds=seconds)


if __name__ == "__main__":
    main()
