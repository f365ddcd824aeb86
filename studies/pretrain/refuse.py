"""Measure what speaks for a head on simulated heads and on other pictures, and on real planes.

    python studies/pretrain/refuse.py pictures WORK --out pictures.json  (after measure.py simulate)
    python studies/pretrain/refuse.py planes DATA --out planes.json

Of real planes (``us_planes.csv`` of DATA) it also compares the circumference with the
sonographer's, and the midline of the predicted tissues (in which they mirror each other, and the
line through those of the middle) with that of the plane as placed; ``pose`` says how far this was
turned from where `align` put it. ``lesion_mm2`` is the area of predicted cysts and bleeds.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from pictures import KINDS, other, plane_of
from skimage import color, data

from ssus2mri.errors import RefusalError
from ssus2mri.growth import head_circumference_mm
from ssus2mri.images import volume
from ssus2mri.prediction.evidence import evidence
from ssus2mri.prediction.midline import midline
from ssus2mri.prediction.network import load_network
from ssus2mri.prediction.predict import placed
from ssus2mri.prediction.sizes import measure
from ssus2mri.prediction.synthesise import Maps, fine_labels
from ssus2mri.tissues import LESIONS, Tissue

LEVELS_MM = (0.0, 8.0)
SCANS = 8  # that planes are cut from
PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "coins", "moon", "page", "rocket")
PHOTOGRAPH_MM = 0.25  # said of a pixel
WEEKS = 23.0  # said of pictures that have no age


def main() -> None:
    """Write a row for each picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["pictures", "planes"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2, help="planes of each kind")
    parser.add_argument("--levels", type=int, default=len(LEVELS_MM), help="of a simulated scan")
    parser.add_argument("--photographs", type=int, default=len(PHOTOGRAPHS))
    parser.add_argument("--dimensions", type=int, default=3, choices=[2, 3], help="at most")
    parser.add_argument("--every", type=int, default=1, help="of the planes")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    pictures = (
        simulated_pictures(
            arguments.folder,
            seeds=arguments.seeds,
            levels=arguments.levels,
            photographs=arguments.photographs,
            most_dimensions=arguments.dimensions,
        )
        if arguments.verb == "pictures"
        else planes(arguments.folder, arguments.every)
    )
    rows = []
    for name, image, ga_weeks, facts in pictures:
        rows.append({"name": name, **facts, **judge(image, ga_weeks)})
        print(json.dumps(rows[-1]), flush=True)
        arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def simulated_pictures(
    work: Path, *, seeds: int, levels: int, photographs: int, most_dimensions: int
) -> Iterator[tuple[str, sitk.Image, float, dict[str, Any]]]:
    """Return pictures of anything but heads, and planes of simulated heads."""
    scans = sorted(work.glob("*_pose.tfm"))[:SCANS]
    for number, path in enumerate(scans):
        scan = path.with_name(path.name.replace("_pose.tfm", ".nii.gz"))
        for level_mm in LEVELS_MM[:levels]:
            angle_deg = float(np.random.default_rng(number).uniform(-180, 180))
            image = plane_of(scan, level_mm=level_mm, angle_deg=angle_deg)
            yield f"{scan.name}-{level_mm:g}", image, WEEKS, {"head": True}
    for name in PHOTOGRAPHS[:photographs]:
        array = getattr(data, name)()
        grey = color.rgb2gray(array) if array.ndim == 3 else array
        image = sitk.GetImageFromArray(np.ascontiguousarray(grey[:512, :512], np.float32))
        image.SetSpacing([PHOTOGRAPH_MM] * 2)
        yield name, image, WEEKS, {"head": False}
    for dimensions in range(2, most_dimensions + 1):
        for kind in KINDS:
            for seed in range(seeds if dimensions == 2 else 1):  # volumes take longer
                image = other(kind, dimensions=dimensions, seed=seed)
                yield f"{kind}-{dimensions}d-{seed}", image, WEEKS, {"head": False}


def planes(folder: Path, every: int) -> Iterator[tuple[str, sitk.Image, float, dict[str, Any]]]:
    """Return the real planes, their age by the manifest."""
    with (folder / "data_manifest.csv").open(encoding="utf-8") as file:
        ages = {row["volume"]: float(row["ga_weeks"]) for row in csv.DictReader(file)}
    with (folder / "us_planes.csv").open(encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % every == 0:
                image = volume.read_plane(folder / row["image"], float(row["pixel_mm"]))
                true_mm = float(row["head_circumference_mm"])
                yield row["plane"], image, ages[row["plane"]], {"head": True, "hc_mm": true_mm}


def judge(image: sitk.Image, ga_weeks: float) -> dict[str, Any]:
    """Return what speaks for a head, and of a plane circumference and midline."""
    network = load_network()
    try:
        prepared, maps = placed(image, ga_weeks, network)
    except RefusalError as error:
        return {"refused": list(error.reasons)}
    judgement: dict[str, Any] = {
        "dimensions": image.GetDimension(),
        "evidence": evidence(maps, prepared),
        "found_hc_mm": prepared.hc_mm,
        "expected_hc_mm": head_circumference_mm(ga_weeks),
        "pose": prepared.pose,
    }
    if prepared.index is not None:
        fine = fine_labels(maps, prepared, network)
        judgement["sizes"] = measure(fine, prepared.scale)
        spacing_mm = network.atlas.labels.GetSpacing()[0] / prepared.scale
        assert maps.tissue is not None
        line = midline(maps.tissue[:, 0])
        judgement["lesion_mm2"] = lesion_mm2(maps, network.atlas.labels.GetSpacing()[0])
        judgement["midline"] = {
            "mirror": line and {"angle_deg": line[0], "offset_mm": line[1] * spacing_mm},
            "axis": axis(maps, spacing_mm),
        }
    return judgement


def lesion_mm2(maps: Maps, spacing_mm: float) -> float:
    """Return the area of predicted cysts and bleeds in a head of the atlas's size."""
    return float(np.isin(maps.labels, LESIONS).sum() * spacing_mm**2)


def axis(maps: Maps, spacing_mm: float) -> dict[str, float] | None:
    """Return angle (degrees) and offset (mm) of the line through midline, cavum and callosum.

    They are against the vertical through the middle of the plane as it was placed.
    """
    labels = maps.labels[0]
    middle = np.isin(labels, (Tissue.MIDLINE, Tissue.CAVUM, Tissue.CORPUS_CALLOSUM))
    rows, columns = np.nonzero(middle)
    if len(rows) < 12:
        return None
    along = (rows - (labels.shape[0] - 1) / 2) * spacing_mm
    aside = (columns - (labels.shape[1] - 1) / 2) * spacing_mm
    slope, offset = np.polyfit(along, aside, 1)
    return {"angle_deg": float(np.degrees(np.arctan(slope))), "offset_mm": float(offset)}


if __name__ == "__main__":
    main()
