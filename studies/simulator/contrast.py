"""Compare MR simulated from real label atlases with their real MR, tissue by tissue.

    SSUS2MRI_DATA=... python studies/simulator/contrast.py

First the volume that the intensities of `config.yaml` were chosen on, in its own scale: mean and
standard deviation within each of its eight labels. Then simulated over real mean for every atlas;
the scale of each but the first is its white matter's.
"""

import csv
import os
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.config.base import load_section
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.mri import contrast
from ssus2mri.tissues import ATLAS_LABELS, Tissue

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
CHOSEN_ON = "crl-23w"
TISSUES = [Tissue(label) for label in ATLAS_LABELS if label]

Parts = dict[Tissue, tuple[NDArray, NDArray]]


def main() -> None:
    data = Path(os.environ["SSUS2MRI_DATA"])
    settings = load_section(SimulateSettings, str(CONFIG), "simulate")
    with (data / "data_manifest.csv").open(encoding="utf-8") as file:
        rows = {row["volume"]: row for row in csv.DictReader(file) if row["labels"]}
    names = sorted(rows, key=lambda name: (name != CHOSEN_ON, name))
    volumes = {name: parts(data, rows[name], settings) for name in names}
    print(f"| {CHOSEN_ON} | real mean | std | simulated mean | std | ratio of means |")
    print("|---|---|---|---|---|---|")
    for tissue in sorted(TISSUES, key=lambda t: -volumes[CHOSEN_ON][t][0].mean()):
        real, simulated = volumes[CHOSEN_ON][tissue]
        cells = [
            f"{part:.0f}" for part in (real.mean(), real.std(), simulated.mean(), simulated.std())
        ]
        print(f"| {word(tissue)} | {' | '.join(cells)} | {simulated.mean() / real.mean():.3f} |")
    print()
    print("| simulated / real | " + " | ".join(names) + " |")
    print("|---" * (len(names) + 1) + "|")
    for tissue in TISSUES:
        ratios = []
        for name in names:
            real, simulated = volumes[name][tissue]
            white = [part.mean() for part in volumes[name][Tissue.WHITE_MATTER]]
            scale = 1.0 if name == CHOSEN_ON else white[0] / white[1]
            ratios.append(f"{scale * simulated.mean() / real.mean():.2f}")
        print(f"| {word(tissue)} | {' | '.join(ratios)} |")


def parts(data: Path, row: dict[str, str], settings: SimulateSettings) -> Parts:
    """Return the voxels of each tissue in the real MR and in the simulated one without texture."""
    anatomy = from_labels(data / row["labels"], settings.anatomy)
    simulated = contrast(anatomy, settings.mr, ga_weeks=float(row["ga_weeks"]), rng=None)
    labels, real = (
        sitk.GetArrayFromImage(
            sitk.Resample(
                sitk.ReadImage(data / row[column]),
                anatomy.labels,
                sitk.Transform(),
                sitk.sitkNearestNeighbor,
            )
        ).astype(np.float32)
        for column in ("labels", "image")
    )
    return {tissue: (real[labels == tissue], simulated[labels == tissue]) for tissue in TISSUES}


def word(tissue: Tissue) -> str:
    """Return the name of a tissue in words."""
    return tissue.name.lower().replace("_", " ")


if __name__ == "__main__":
    main()
