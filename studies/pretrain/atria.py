"""Predict 2D planes through the atria of simulated heads, and compare how wide they are drawn.

    python studies/pretrain/atria.py EVAL --out atria.json

Two planes of each scan of measure.yaml that measure.py has simulated, of healthy heads of the
default scanner and of wide ventricles: the one that shows most of the ventricles, and one below it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from pictures import plane_of
from scan_sets import Subject, subjects

from ssus2mri.measures import dice
from ssus2mri.prediction.predict import predict
from ssus2mri.prediction.sizes import measure
from ssus2mri.tissues import Tissue

SETS = ("default", "wide_12", "wide_15", "wide_18", "wide_young")
LEVELS_MM = range(-6, 20, 2)  # above the middle of the head
BELOW_MM = 3.0
FLUID = (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)


def main() -> None:
    """Predict, print and write a row a plane."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--out", type=Path, default=Path("atria.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for subject in subjects(None):
        scan = arguments.work / f"{subject.name}.nii.gz"
        if subject.set_name not in SETS or not scan.exists():
            continue
        shown = [fluid(plane_of(scan, level_mm=level, labels=True)).sum() for level in LEVELS_MM]
        level_mm = float(LEVELS_MM[int(np.argmax(shown))])
        for level in (level_mm - BELOW_MM, level_mm):
            rows.append(row(subject, scan, level))
            print(json.dumps(rows[-1]), flush=True)
    arguments.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def row(subject: Subject, scan: Path, level_mm: float) -> dict[str, Any]:
    """Predict a plane and compare its ventricles with the true ones."""
    labels = plane_of(scan, level_mm=level_mm, labels=True)
    prediction = predict(plane_of(scan, level_mm=level_mm), ga_weeks=subject.ga_weeks, force=True)
    assert prediction.labels is not None
    seen, true = fluid(prediction.labels), fluid(labels)
    size = prediction.sizes.get("atrium")
    return {
        "scan": subject.name,
        "level_mm": level_mm,
        "refused": prediction.refused,
        "atrium_mm": size and round(size.mm, 1),
        "interval_mm": size and (round(size.low_mm, 1), round(size.high_mm, 1)),
        "true_atrium_mm": measure(sitk.JoinSeries(labels), 1.0).get("atrium"),
        "area": round(float(seen.sum() / max(true.sum(), 1)), 3),
        "dice": round(dice(seen, true) or 0.0, 3),
    }


def fluid(labels: sitk.Image) -> np.ndarray:
    """Return where ventricles and their choroid plexus are."""
    return np.isin(sitk.GetArrayFromImage(labels), FLUID)


if __name__ == "__main__":
    main()
