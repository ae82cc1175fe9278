"""Writes scikit-learn's digits as files of MNIST's format.

    python bench/peers/digits.py OUT

1,797 grey pictures of 8 x 8 (the test set of UCI's "Optical Recognition of Handwritten Digits").
Every fourth, from the fourth on, is a test picture: 449 of them, under the names that MNIST's test
files have. Values 0 to 16 become 0 to 255.
"""

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

UNSIGNED_BYTE = 8


def write_idx(path: Path, array: np.ndarray) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        file.write(head + array.astype(np.uint8).tobytes())


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    digits = load_digits()
    pixels = np.round(digits.images * 255 / 16)
    tests = np.arange(len(pixels)) % 4 == 3
    for name, chosen in {"train": ~tests, "t10k": tests}.items():
        write_idx(out / f"{name}-images-idx3-ubyte.gz", pixels[chosen])
        write_idx(out / f"{name}-labels-idx1-ubyte.gz", digits.target[chosen])


if __name__ == "__main__":
    main()
