"""Makes batches with PyTorch's DataLoader and torchvision, and times them.

    python bench/peers/loader.py FOLDER torchvision|webdataset

FOLDER is what bench/loader/work.ts has written. Pictures come from single files, in an order of their own in every
epoch, or from tar files with the library webdataset.
"""

import json
import multiprocessing
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import complete_torchvision  # noqa: F401
import torch
import torchvision
from measured import measure
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset
from torchvision import transforms


class Pictures(Dataset):
    """The files of a folder, decoded by PIL."""

    def __init__(self, folder: str, transform: transforms.Compose):
        self.paths = sorted(Path(folder).iterdir())
        self.transform = transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))


class EndlessOrder(torch.utils.data.Sampler[int]):
    """One epoch after the other without an end, so that workers never wait for the next one."""

    def __init__(self, images: int):
        self.images = images

    def __iter__(self) -> Iterator[int]:
        while True:
            yield from torch.randperm(self.images).tolist()


def transform_of(spec: dict) -> transforms.Compose:
    crop = spec["crop"]
    return transforms.Compose(
        [
            # Its default filter is bilinear, as ours.
            transforms.RandomResizedCrop(spec["size"], crop["cropScale"], crop["cropAspect"]),
            *([transforms.RandomHorizontalFlip()] if crop["horizontalFlip"] else []),
            transforms.ToTensor(),
            transforms.Normalize(spec["mean"], spec["std"]),
        ]
    )


def tar_pictures(folder: str, transform: transforms.Compose) -> IterableDataset:
    """Tar files drawn at random without an end; pictures are mixed in a buffer."""
    import webdataset

    tars = sorted(str(path) for path in Path(folder).glob("*.tar"))
    dataset = webdataset.WebDataset(tars, resampled=True).shuffle(100).decode("pil")
    return dataset.to_tuple("jpg").map_tuple(transform).map(lambda row: row[0])


def loader_of(work: dict, mode: str) -> DataLoader:
    spec = work["spec"]
    transform = transform_of(spec)
    options = {"batch_size": work["batch"], "num_workers": work["workers"]}
    if mode == "webdataset":
        return DataLoader(tar_pictures(spec["shards"], transform), **options)
    pictures = Pictures(work["pictures"], transform)
    return DataLoader(pictures, sampler=EndlessOrder(len(pictures)), **options)


def memory_bytes() -> int | None:
    """What this process and its workers hold now; of pages that they share each counts its part."""
    if not Path("/proc/self/smaps_rollup").exists():
        return None
    workers = [process.pid for process in multiprocessing.active_children()]
    texts = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in [os.getpid(), *workers])
    return sum(1024 * int(re.search(r"\nPss:\s*(\d+) kB", text)[1]) for text in texts)


def main() -> None:
    folder, mode = Path(sys.argv[1]), sys.argv[2]
    work = json.loads((folder / "work.json").read_text())
    torch.set_num_threads(1)
    batches = iter(loader_of(work, mode))
    held = []

    def epoch(_: int) -> float:
        squares, count = 0.0, 0
        for _ in range(work["images"] // work["batch"]):
            values = next(batches).flatten()[:: work["stride"]]
            squares += values.square().sum().item()
            count += len(values)
        held.append(memory_bytes())
        return squares / count

    library = (
        f"{mode}, torchvision {torchvision.__version__}, Pillow {Image.__version__}, "
        f"{work['workers']} workers"
    )
    lengths = {"warm_up": work["warmUp"], "timed": work["timed"]}
    measure(epoch, **lengths, library=library, peak=lambda: None if None in held else max(held))


if __name__ == "__main__":
    main()
