"""Fit the generator of synthetic children's radiographs and prove that it does not copy.

Run from the repository root, with scikit-learn (needed for training only):
    python models/synthetic-radiographs/fit.py --data FOLDER

Principal components of the official training pictures, and for each class a Gaussian mixture over
their coordinates with narrowed covariances: `services.simulator.radiographs` draws from them.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from services.simulator.radiographs import LABELS, compose, coordinates

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "cxr-pneumonia-paediatric" / "training"))
import dataset  # noqa: E402 - the neighbouring package reads the same data

SIZE = 160
COMPONENTS = 250
MODES = 6
NARROWED = 0.55
"""Share of each mode's covariance that is kept: fewer odd pictures, less variety."""
PROOF = 400
"""Synthetic pictures compared with every training picture."""


def shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pictures (n, 224, 224) as rows of SIZE x SIZE values 0..1."""
    small = [Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BOX) for picture in pixels]
    return np.stack([np.asarray(picture, dtype=np.float32).ravel() / 255 for picture in small])


def fit(pictures: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, NDArray[np.generic]]:
    """Every array of `generator.npz`; components and factors as int8 with a scale for each row or mode."""
    pca = PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(pictures)
    print(f"variance kept {pca.explained_variance_ratio_.sum():.4f}", flush=True)
    scores = pca.transform(pictures)
    scale = np.abs(pca.components_).max(axis=1) / 127
    arrays: dict[str, NDArray[np.generic]] = {
        "mean": pca.mean_.reshape(SIZE, SIZE).astype(np.float16),
        "components": np.round(pca.components_ / scale[:, None]).astype(np.int8),
        "component_scale": scale.astype(np.float32),
    }
    for value, label in enumerate(LABELS):
        mixture = GaussianMixture(MODES, covariance_type="full", reg_covar=1e-2, random_state=0)
        mixture.fit(scores[labels == value])
        factors = np.linalg.cholesky(mixture.covariances_ * NARROWED)
        step = np.abs(factors).max(axis=(1, 2)) / 32767
        arrays[f"{label}_weights"] = mixture.weights_.astype(np.float32)
        arrays[f"{label}_means"] = mixture.means_.astype(np.float32)
        arrays[f"{label}_factors"] = np.round(factors / step[:, None, None]).astype(np.int16)
        arrays[f"{label}_factor_scale"] = step.astype(np.float32)
    return arrays


def nearest(these: NDArray[np.float32], those: NDArray[np.float32], *, itself: bool) -> NDArray[np.float32]:
    """Euclidean distance from each row of `these` to its nearest row of `those` (values 0..1)."""
    squares = (these**2).sum(1)[:, None] + (those**2).sum(1)[None] - 2 * these @ those.T
    if itself:
        np.fill_diagonal(squares, np.inf)
    found: NDArray[np.float32] = np.sqrt(np.maximum(squares.min(axis=1), 0))
    return found


def prove(pictures: NDArray[np.float32]) -> dict[str, object]:
    """Distances that would show a copy: a copy lies nearer to a training picture than two children do."""
    drawn = [
        compose(coordinates(LABELS[i % 2], i, HERE / "generator.npz"), HERE / "generator.npz") for i in range(PROOF)
    ]
    synthetic = nearest(np.stack([picture.ravel() for picture in drawn]), pictures, itself=False)
    real = nearest(pictures, pictures, itself=True)

    def summary(values: NDArray[np.float32]) -> dict[str, float]:
        points = {"minimum": 0, "1 %": 1, "median": 50, "maximum": 100}
        return {name: round(float(np.percentile(values, point)), 2) for name, point in points.items()}

    return {
        "synthetic_pictures": PROOF,
        "synthetic_to_nearest_training_picture": summary(synthetic),
        "training_picture_to_nearest_other": summary(real),
    }


def main() -> None:
    """Write `generator.npz`, unless it is only to be proved again, and `fit.json`."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path)
    options.add_argument("--prove", action="store_true", help="keep the generator and measure its pictures again")
    chosen = options.parse_args()
    training = dataset.read(dataset.folder(chosen.data), "train")
    pictures = shrunk(training.pixels)
    if not chosen.prove:
        np.savez_compressed(HERE / "generator.npz", **fit(pictures, training.labels))
    digest = hashlib.sha256((HERE / "generator.npz").read_bytes()).hexdigest()
    record = {"sha256": digest, "training_pictures": len(pictures), **prove(pictures)}
    (HERE / "fit.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
