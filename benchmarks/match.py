"""Deformation of the atlas to simulated scans, as `match` does it: ours beside SimpleITK.

    python benchmarks/match.py RESULTS SCAN...

RESULTS is `results/` of a project whose `match` could run. Printed for each scan and as means:
correlation of the local contrast of scan and deformed atlas, SSIM of the deformed training MR with
the true MR, and CPU seconds for all views.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch
from simpleitk_ffd import deform

from ssus2mri import slices
from ssus2mri.config.base import load_section
from ssus2mri.config.prepare import MatchSettings
from ssus2mri.ffd.volumes import deform_smoothly, displacements, smoothed
from ssus2mri.images import volume
from ssus2mri.measures import ssim
from ssus2mri.prepare import contrast
from ssus2mri.prepare.extract import read_aligned
from ssus2mri.slicing import cut

CONFIG = str(Path(__file__).parents[1] / "config" / "config.yaml")
EVERY = 6
"""Every sixth slice is compared with the true one."""

Engine = Callable[[sitk.Image, sitk.Image, sitk.Image, MatchSettings], sitk.Transform]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("scans", nargs="+")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    settings = load_section(MatchSettings, CONFIG, "match")
    engines: dict[str, Engine] = {"none": stay, "SimpleITK": simpleitk, "ours": deform_smoothly}
    table = pd.DataFrame(
        {"scan": scan, "engine": name, **measured(arguments.results, scan, engine, settings)}
        for scan in arguments.scans
        for name, engine in engines.items()
    )
    print(table.round(4).to_string(index=False))
    print(table.groupby("engine", sort=False).mean(numeric_only=True).round(4).to_string())


def stay(*_: object) -> sitk.Transform:
    return sitk.Transform(3, sitk.sitkIdentity)


def simpleitk(
    fixed: sitk.Image, moving: sitk.Image, mask: sitk.Image, settings: MatchSettings
) -> sitk.Transform:
    field = displacements(deform(fixed, moving, mask, settings.ffd), fixed)
    return smoothed(field, settings.field_smooth_mm)


def measured(
    results: Path, scan: str, engine: Engine, settings: MatchSettings
) -> dict[str, float | str]:
    """Deform all views to a scan; measure the most similar one."""
    us, head, _ = read_aligned(
        results / "align" / f"{scan}.nii.gz",
        results / "crop" / f"{scan}_mask.nii.gz",
        results / "align" / f"{scan}.tfm",
        plane=False,
    )
    template_head = volume.read_mask(results / "template" / "head.nii.gz")
    views = {path: volume.read(path) for path in sorted((results / "view").glob("*.nii.gz"))}
    features = partial(
        contrast.features, spacing_mm=settings.spacing_mm, modality="us", settings=settings
    )
    fixed = features(us, head)
    best: dict[str, float | str] = {"similarity": -1.0}
    seconds = 0.0
    for path, view in views.items():
        moving = features(view, template_head).image()
        begun = time.process_time()
        transform = engine(fixed.image(), moving, fixed.mask(), settings)
        seconds += time.process_time() - begun
        warped = sitk.Resample(moving, fixed.image(), transform, sitk.sitkLinear, 0.0)
        a, b = fixed.values[fixed.inside], sitk.GetArrayFromImage(warped)[fixed.inside]
        similarity = float(np.corrcoef(a, b)[0, 1])
        if similarity > float(best["similarity"]):
            best = {"view": path.name.partition(".")[0], "similarity": similarity}
            best["ssim"] = likeness(results, scan, us, transform)
    return {**best, "seconds": seconds}


def likeness(results: Path, scan: str, us: sitk.Image, transform: sitk.Transform) -> float:
    """Return the mean SSIM of the training MR in the shape of the scan with the true MR."""
    mr = sitk.Resample(volume.read(results / "blend" / "mr.nii.gz"), us, transform)
    true = slices.read(results / "extract" / f"{scan}.h5")
    if true.truth is None:
        raise SystemExit(f"{scan}: the true MR is not known")
    shown = cut(sitk.GetArrayFromImage(mr), true.plane, true.index) * true.head
    return float(
        np.mean(
            [
                ssim(shown[n], true.truth[n], true.head[n])
                for n in range(0, len(true), EVERY)
                if true.head[n].any()
            ]
        )
    )


if __name__ == "__main__":
    main()
