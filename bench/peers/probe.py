"""Logistic regression of scikit-learn, tuned and scored as `deno task probe --method logistic` does it.

    python bench/peers/probe.py FOLDER cold|warm WARM_UP TIMED

Reads train.arrow, test.arrow and split.json of a folder (bench/probe/made_features.ts makes them): standardises with the
moments of all training rows, fits every C of the grid to the fitting rows, takes the C that is most accurate on the
held-out rows (the first of equals), fits it to all training rows and scores the test rows. `cold` has scikit-learn's
defaults, `warm` starts each C from the one before.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import sklearn
from measured import measure
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


def tuned_score(folder: Path, *, warm_start: bool) -> float:
    """Accuracy on the test rows."""
    features, classes = read(folder / "train.arrow")
    test_features, test_classes = read(folder / "test.arrow")
    split = json.loads((folder / "split.json").read_text())
    mean = features.mean(axis=0, dtype=np.float64)
    deviation = features.std(axis=0, dtype=np.float64)
    features = ((features - mean) / deviation).astype(np.float32)
    test_features = ((test_features - mean) / deviation).astype(np.float32)
    fit_features, fit_classes = features[split["fit"]], classes[split["fit"]]
    held_features, held_classes = features[split["heldOut"]], classes[split["heldOut"]]

    model = LogisticRegression(warm_start=warm_start)
    grid = []
    for strength in STRENGTHS:
        model.set_params(C=strength).fit(fit_features, fit_classes)
        grid.append(np.mean(model.predict(held_features) == held_classes))
    model.set_params(C=STRENGTHS[int(np.argmax(grid))]).fit(features, classes)
    return float(np.mean(model.predict(test_features) == test_classes))


def main() -> None:
    folder, start = Path(sys.argv[1]), sys.argv[2]
    warm_up, timed = map(int, sys.argv[3:])
    warnings.simplefilter("ignore", ConvergenceWarning)
    library = f"scikit-learn {sklearn.__version__}, lbfgs, float32, {start} starts"
    measure(
        lambda _: tuned_score(folder, warm_start=start == "warm"),
        warm_up=warm_up,
        timed=timed,
        library=library,
    )


if __name__ == "__main__":
    main()
