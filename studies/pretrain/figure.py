"""Draw what `predict` makes of a simulated scan, beside the truth.

python studies/pretrain/figure.py EVAL/default-0.nii.gz --ga-weeks 23 --out docs/results/predict.png
"""

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ssus2mri.images import geometry, volume
from ssus2mri.prediction.network import load_network
from ssus2mri.prediction.predict import placed, trust_of
from ssus2mri.render.prediction import coloured

PLACES = ((0, 0.52), (1, 0.5), (2, 0.46))  # axis, and where along it


def main() -> None:
    """Predict and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scan", type=Path)
    parser.add_argument("--ga-weeks", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network = load_network()
    prepared, maps = placed(volume.read(arguments.scan), arguments.ga_weeks, network)
    true = volume.read(arguments.scan.with_name(arguments.scan.name.replace(".nii", "_truth.nii")))
    truth = sitk.GetArrayFromImage(geometry.resample(true, network.atlas.labels, prepared.to_atlas))
    truth = truth / np.percentile(truth[truth > 0], 99.5)
    tolerance = network.sections["predict"].tolerance
    columns = {
        "ultrasound (simulated)": prepared.us,
        "predicted MR": maps.mr,
        "true MR": truth,
        "predicted tissues": coloured(maps.labels),
        "trust": trust_of(maps, tolerance),
    }
    figure = Figure(figsize=(2.2 * len(columns), 6.6), facecolor="white")
    axes = figure.subplots(len(PLACES), len(columns))
    for row, (axis, place) in enumerate(PLACES):
        for column, (title, array) in enumerate(columns.items()):
            axes[row, column].imshow(_slice(array, axis, place), cmap="gray", vmin=0, vmax=1)
            axes[row, column].axis("off")
            if row == 0:
                axes[row, column].set_title(title, fontsize=10)
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=80)


def _slice(array: NDArray, axis: int, place: float) -> NDArray:
    image = array.take(int(place * array.shape[axis]), axis=axis)
    return image if axis == 0 else image[::-1]


if __name__ == "__main__":
    main()
