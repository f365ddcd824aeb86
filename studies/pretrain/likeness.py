"""Measure how much ultrasound and MR look like MR: what `predict.max_mr_likeness` was chosen on.

    python studies/pretrain/likeness.py WORK/scans [--real DATA]

Scans are those of pretrain.py, ultrasound and true MR in their true pose. Real volumes and planes,
and slices of real MR as planes, are placed as `predict` places them, their age as in the manifest.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from draw import BRAIN_MM, PERCENTILES, read_scan
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.images import volume
from ssus2mri.prediction.average import AverageHead, at_rest, average_head
from ssus2mri.prediction.evidence import mr_likeness
from ssus2mri.prediction.network import load_network
from ssus2mri.prediction.predict import placed
from ssus2mri.tissues import INTRACRANIAL

SIZE, SPACING_MM = 64, 1.5  # of the packaged atlas
EVERY = 4  # of the real planes
PLANE_MM = (-6.0, 0.4)  # of slices of MR, from the middle of the volume: with the thalami


def main() -> None:
    """Print the range of each kind of image."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scans", type=Path)
    parser.add_argument("--real", type=Path, help="folder of real images (CONTRIBUTING.md)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    values: dict[str, list[float]] = defaultdict(list)
    for path in sorted(arguments.scans.glob("*.npz")):
        for modality, likeness in of_scan(path).items():
            values[f"simulated {modality}"].append(likeness)
    if arguments.real:
        of_real(arguments.real, values)
    limit = load_network().sections["predict"].max_mr_likeness
    for kind, likenesses in values.items():
        low, middle, high = np.percentile(likenesses, (0, 50, 100))
        above = np.count_nonzero(np.array(likenesses) > limit)
        span = f"{low:.2f} to {high:.2f}, median {middle:.2f}"
        print(f"{kind}: {len(likenesses)}, {span}, {above} above {limit:g}")


def of_scan(path: Path) -> dict[str, float]:
    """Return the likeness of a simulated scan's ultrasound and of its true MR."""
    scan = read_scan(path)
    average = at_rest(average_head(scan.ga_weeks), SIZE, SPACING_MM)
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * SPACING_MM
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    places = np.stack([x, y, z], axis=-1) @ scan.to_index[:, :3].T + scan.to_index[:, 3]
    places = np.moveaxis(places, -1, 0)[::-1]
    us, mr = (
        ndimage.map_coordinates(array, places, order=1, output=np.float32)
        for array in (scan.us, scan.mr)
    )
    inside = np.isin(average.labels, INTRACRANIAL)
    brain = ndimage.distance_transform_edt(inside, SPACING_MM) > BRAIN_MM
    low, high = np.percentile(mr[brain], PERCENTILES)
    return {
        "us": mr_likeness(_unit(us, scan.low, scan.high), average),
        "mr": mr_likeness(_unit(mr, low, high), average),
    }


def of_real(folder: Path, values: dict[str, list[float]]) -> None:
    """Add the likeness of real volumes, planes, and slices of MR volumes."""
    with (folder / "volumes_manifest.csv").open(encoding="utf-8") as file:
        volumes = [(folder / row["image"], row) for row in csv.DictReader(file)]
    for path, row in volumes:
        image, ga_weeks = volume.read(path), float(row["ga_weeks"])
        values[f"real {row['modality']}"].append(placed_likeness(image, ga_weeks))
        if row["modality"] == "mr":
            middle = (image.GetSize()[2] - 1) / 2
            for level_mm in PLANE_MM:
                plane = image[:, :, round(middle + level_mm / image.GetSpacing()[2])]
                array = sitk.GetArrayFromImage(plane)[::-1]
                upright = sitk.GetImageFromArray(np.ascontiguousarray(array))
                upright.SetSpacing(plane.GetSpacing())
                values["slice of real mr"].append(placed_likeness(upright, ga_weeks))
    with (folder / "data_manifest.csv").open(encoding="utf-8") as file:
        planes = [row for row in csv.DictReader(file) if row["modality"] == "us"]
    for row in planes[::EVERY]:
        image = volume.read_plane(folder / row["image"], float(row["pixel_mm"]))
        values["real plane"].append(placed_likeness(image, float(row["ga_weeks"])))


def placed_likeness(image: sitk.Image, ga_weeks: float) -> float:
    """Place an image as `predict` does, and return its likeness."""
    prepared, _ = placed(image, ga_weeks, load_network())
    average = at_rest(average_head(ga_weeks), SIZE, SPACING_MM)
    if prepared.index is not None:
        level = slice(prepared.index, prepared.index + 1)
        average = AverageHead(average.mr[level], average.labels[level])
    return mr_likeness(prepared.us, average)


def _unit(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    return np.clip((values - low) / (high - low), 0, 1)


if __name__ == "__main__":
    main()
