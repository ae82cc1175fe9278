"""Repeats a recorded run in PyTorch.

    python bench/peers/twin.py RECORD --encoder ENCODER --out OUT [--own-init SEED] [--float64]

RECORD is what bench/twin/record.ts has written, ENCODER an export of the run by the checkpoint
stage. OUT/losses.jsonl gets one line per step; OUT/encoder is ENCODER with the weights of the
target encoder that was trained here, ready for the features stage. OUT/summary.json, written last,
has what the steps took together.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from ijepa import Ijepa, Regularizer, Trainer
from record import model_config, read_record, recorded_steps, write_encoder, write_summary
from safetensors.torch import load_file

def load_trained(model: Ijepa, path: Path) -> None:
    """Takes the trained tensors of a file. The position tables stay those computed here."""
    tensors = load_file(path)
    names = [name for name in model.state_dict() if "pos_embed" not in name]
    model.load_state_dict({name: tensors[name] for name in names}, strict=False)


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

    record = read_record(options.record)
    regularizer = record["regularizer"] and Regularizer(**record["regularizer"])
    model = Ijepa(model_config(record), regularizer)
    if options.own_init is None:
        load_trained(model, options.record / "initial.safetensors")
    else:
        model.initialise(seed=options.own_init, **record["initialisation"])
    dtype = torch.float64 if options.float64 else torch.float32
    model.to(dtype)
    adamw = record["adamw"]
    trainer = Trainer(
        model,
        betas=tuple(adamw["betas"]),
        epsilon=adamw["epsilon"],
        clip_norm=adamw["clip_norm"],
    )

    options.out.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    with open(options.out / "losses.jsonl", "w") as lines:
        steps = recorded_steps(options.record, record, ["images", "context", "targets"])
        for step, ((images, context, targets), values) in enumerate(steps):
            start = time.perf_counter()
            loss = trainer.step(images.to(dtype), context, targets, **values).item()
            seconds += time.perf_counter() - start
            print(json.dumps({"step": step, "loss": loss}), file=lines)
    out = options.out / "encoder"
    write_encoder(model.target_encoder, options.encoder, out, steps=record["steps"])
    write_summary(options.out, steps=record["steps"], seconds=seconds)


if __name__ == "__main__":
    main()
