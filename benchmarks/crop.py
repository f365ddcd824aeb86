"""Measure heads found without a mask: Dice with given masks (planes) and true labels (volumes).

    SSUS2MRI_DATA=... python benchmarks/crop.py [simulated volumes]

The ``ga_weeks`` of the planes was derived from the measured head circumference, so it tells the
size of each head: the second line assumes 23 weeks for every plane. The peer is the ellipse with
the second moments of what Otsu's threshold leaves. Given masks that are not filled regions
(solidity below the setting) cannot be used: their planes are left out of the Dice, but not of the
error of the head circumference against that of the sonographer.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import measures
from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import CropSettings
from ssus2mri.config.rows import SimulateRow
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.growth import ellipse_circumference
from ssus2mri.images import volume
from ssus2mri.prepare.ellipsoid import draw, of_mask, solidity
from ssus2mri.prepare.skull import find_head
from ssus2mri.simulate.cohort import run_simulate
from ssus2mri.tissues import HEAD

CONFIG = str(Path(__file__).parent.parent / "config/config.yaml")


def dice(a: sitk.Image, b: sitk.Image) -> float:
    return measures.dice(*(sitk.GetArrayViewFromImage(mask) > 0 for mask in (a, b))) or 0.0


def line(name: str, values: list[float], seconds: list[float], peer: NDArray) -> str:
    scores = np.array(values)
    return (
        f"{name}: Dice median {np.median(scores):.3f}, 10th percentile"
        f" {np.percentile(scores, 10):.3f}, worst {scores.min():.3f}, share >= 0.9"
        f" {np.mean(scores >= 0.9):.1%}, {np.median(seconds):.2f} s each; peer (Otsu) median"
        f" {np.median(peer):.3f}, ratio {np.median(scores) / np.median(peer):.2f}"
    )


def otsu(image: sitk.Image) -> sitk.Image:
    return draw(of_mask(sitk.OtsuThreshold(image, 0, 1)), image)


def planes(folder: Path, settings: CropSettings) -> None:
    measured = pd.read_csv(folder / "us_planes.csv").set_index("plane")["head_circumference_mm"]
    table = pd.read_csv(folder / "data_manifest.csv").query("modality == 'us' and plane == 'axial'")
    scans = []
    for row in table.to_dict("records"):
        image = volume.read_plane(folder / row["image"], row["pixel_mm"])
        scans.append((row, image, volume.read_mask(folder / row["mask"], image)))
    sound = np.array([solidity(mask) >= settings.min_solidity for _, _, mask in scans])
    print(f"{len(scans)} planes; given mask not a filled region, so not used: {sum(~sound)}")
    peer = np.array([dice(otsu(image), mask) for _, image, mask in scans])[sound]
    for name, constant in (("ga_weeks of the manifest", None), ("23 weeks for all", 23.0)):
        values, seconds, errors = [], [], []
        for row, image, mask in scans:
            start = time.perf_counter()
            ellipsoid = find_head(image, constant or row["ga_weeks"], settings.skull)
            seconds.append(time.perf_counter() - start)
            values.append(dice(draw(ellipsoid, image), mask))
            long, short = 2 * ellipsoid.axes
            errors.append(ellipse_circumference(long, short) / measured[row["volume"]] - 1)
        print(line(name, list(np.array(values)[sound]), seconds, peer))
        print(
            f"  all {len(scans)}, faulty masks too: Dice median {np.median(values):.3f}; head"
            f" circumference off by {np.median(np.abs(errors)):.1%} (median), 90 % within"
            f" {np.percentile(np.abs(errors), 90):.1%}",
            flush=True,
        )


def volumes(count: int, settings: CropSettings) -> None:
    simulation = load_section(SimulateSettings, CONFIG, "simulate").model_copy(
        update={"size": 96, "spacing_mm": 1.0}
    )
    values, upper_bound, peer, seconds = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            path = Path(folder, f"v{number}.nii.gz")
            ga_weeks = 22.0 + number % 3
            run_simulate(
                SimulateRow(
                    volume=f"v{number}", subject=f"s{number}", modality="us", ga_weeks=ga_weeks
                ),
                labels=None,
                pathology=None,
                out=path,
                settings=simulation,
            )
            image = volume.read(path)
            labels = sitk.GetArrayFromImage(sitk.ReadImage(f"{folder}/v{number}_labels.nii.gz"))
            head = sitk.GetImageFromArray(np.isin(labels, HEAD).astype(np.uint8))
            head.CopyInformation(image)
            start = time.perf_counter()
            mask = draw(find_head(image, ga_weeks, settings.skull), image)
            seconds.append(time.perf_counter() - start)
            values.append(dice(mask, head))
            upper_bound.append(dice(draw(of_mask(head), image), head))
            peer.append(dice(otsu(image), head))
    print(line(f"{count} simulated volumes", values, seconds, np.array(peer)))
    print(f"the best possible ellipsoid: median {np.median(upper_bound):.3f}")


def main() -> None:
    settings = load_section(CropSettings, CONFIG, "crop")
    if "SSUS2MRI_DATA" in os.environ:
        planes(Path(os.environ["SSUS2MRI_DATA"]), settings)
    else:
        print("SSUS2MRI_DATA is not set: no planes")
    volumes(int(sys.argv[1]) if len(sys.argv) > 1 else 4, settings)


if __name__ == "__main__":
    main()
