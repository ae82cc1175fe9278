"""Logistic regression of scikit-learn, tuned and scored as `deno task probe --method logistic` does it.

Reads train.arrow, test.arrow and split.json of a directory (bench/probe.ts makes them): standardises with the moments
of all training rows, fits every C of the grid to the fitting rows, takes the C that is most accurate on the held-out
rows (the first of equals), fits it to all training rows and scores the test rows. Prints one line of JSON.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

# halfDecades(-5, 4) of lib/probe/tuning.ts
STRENGTHS = [10 ** (-5 + i / 2) for i in range(19)]


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings [R D], float32, and class names [R]."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    column = table["embedding"].combine_chunks()
    embeddings = column.flatten().to_numpy().reshape(len(table), -1)
    return embeddings, np.asarray(table["kind"].to_pylist())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--warm-start", action="store_true", help="start each C from the one before")
    parser.add_argument("--float64", action="store_true", help="fit in float64 instead of float32")
    parser.add_argument("--max-iter", type=int, default=100, help="scikit-learn's default: 100")
    options = parser.parse_args()

    started = time.perf_counter()
    features, classes = read(options.directory / "train.arrow")
    test_features, test_classes = read(options.directory / "test.arrow")
    split = json.loads((options.directory / "split.json").read_text())
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    dtype = np.float64 if options.float64 else np.float32
    features = ((features - mean) / deviation).astype(dtype)
    test_features = ((test_features - mean) / deviation).astype(dtype)
    fit_features, fit_classes = features[split["fit"]], classes[split["fit"]]
    held_features, held_classes = features[split["heldOut"]], classes[split["heldOut"]]
    read_in = time.perf_counter()

    model = LogisticRegression(max_iter=options.max_iter, warm_start=options.warm_start)
    grid, iterations, unconverged = [], 0, 0
    warnings.simplefilter("ignore", ConvergenceWarning)
    for strength in STRENGTHS:
        model.set_params(C=strength).fit(fit_features, fit_classes)
        grid.append(float(np.mean(model.predict(held_features) == held_classes)))
        iterations += int(model.n_iter_[0])
        unconverged += bool(model.n_iter_[0] >= options.max_iter)
    best = int(np.argmax(grid))
    model.set_params(C=STRENGTHS[best]).fit(features, classes)
    score = float(np.mean(model.predict(test_features) == test_classes))
    ended = time.perf_counter()
    print(
        json.dumps(
            {
                "seconds": ended - started,
                "fitSeconds": ended - read_in,
                "strength": STRENGTHS[best],
                "validationScore": grid[best],
                "score": score,
                "iterations": iterations + int(model.n_iter_[0]),
                "unconverged": unconverged,
                "grid": grid,
            }
        )
    )


if __name__ == "__main__":
    main()
