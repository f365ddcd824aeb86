"""What becomes of a pathology: volume and Dice of its structure in the synthesis of every model.

    python studies/measures/pathologies.py results/train/*/model.safetensors [--out CSV]
        [--only cyst bleed] [--middle]

Ventricles, cisterna magna, a cyst and a bleed of three sizes each, in one subject each, simulated
in atlas space. A row per pathology, size and model, and one of ``healthy``, the true MR of the same
subject without the pathology: what a synthesis that erases it would show at best. Volumes (mm3) are
those of the structure as the segmenter sees it in the synthesis, of the true labels, and as the
segmenter sees it in the true MR. A bleed, which the segmenter has not learned to see,
is what is darker than half way between its mean and that around it in the true MR. ``kept`` is

    (synthesis - healthy) / (true MR - healthy), all three segmented:

1 is kept, 0 erased; unknown where the segmenter sees less than `LEAST_MM3` of it in the true MR.
Models of method ``matched``, which see no ultrasound, are left out.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from scipy import ndimage
from subjects import CONFIG, SPACING_MM, Subject, subject

from ssus2mri.config.project import Project, load_files
from ssus2mri.evaluate.segment import true_classes, volume_of
from ssus2mri.infer.optimize import optimize_for_inference
from ssus2mri.infer.synthesize import synthesize
from ssus2mri.learn.model_file import read_model
from ssus2mri.measures import dice
from ssus2mri.segment.classes import CLASSES
from ssus2mri.segment.segment import segment
from ssus2mri.segment.weights import load_network
from ssus2mri.slices import Slices
from ssus2mri.slicing import assemble, cut
from ssus2mri.tissues import Tissue

HEALTHY = "healthy"
LEAST_MM3 = 50.0
AROUND_MM = 4.0  # of a lesion: a synthesis may show it displaced
GA_WEEKS = 23.0

SIZES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "severe_ventriculomegaly": ("atrium_mm", (11.0, 14.0, 18.0)),
    "large_cisterna_magna": ("depth_mm", (11.0, 13.0, 16.0)),
    "cyst": ("diameter_mm", (7.0, 11.0, 15.0)),
    "bleed": ("diameter_mm", (5.0, 8.0, 12.0)),
}
SHOWN_AS = {
    "severe_ventriculomegaly": Tissue.VENTRICLES,
    "large_cisterna_magna": Tissue.EXTRA_AXIAL_CSF,
    "cyst": Tissue.VENTRICLES,  # fluid within the brain
    "bleed": Tissue.BLEED,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--middle", action="store_true", help="one size of each, the middle one")
    arguments = parser.parse_args()
    models = [p for p in arguments.models if not read_model(p).settings.traits.shown_match]
    pathologies = Project.model_validate(load_files([Path(CONFIG)])[0]).pathologies
    rows: list[dict[str, object]] = []
    for name in arguments.only:
        key, sizes = SIZES[name]
        twin = subject(name, GA_WEEKS, "us")
        for size_mm in sizes[1:2] if arguments.middle else sizes:
            pathology = pathologies[name].model_copy(update={key: size_mm})
            ill = subject(name, GA_WEEKS, "us", pathology)
            rows += measured(ill, twin, name, size_mm, models)
            print(pd.DataFrame(rows[-1 - len(models) :]).to_string(index=False), flush=True)
    if arguments.out:
        table = pd.DataFrame(rows)
        table.to_csv(arguments.out, index=False, float_format="%.4g", lineterminator="\n")


def measured(
    ill: Subject, twin: Subject, name: str, size_mm: float, models: list[Path]
) -> list[dict[str, object]]:
    """Return the rows of one pathology and size."""
    us, place = ill.slices, region(ill.slices, name)
    label = CLASSES.index(SHOWN_AS[name])
    truth = (true_classes(us) == label) & place
    true_mr = replace(us, image=us.truth)
    shown = grey_volume(true_mr)
    level = (shown[truth].mean() + shown[place & ~truth].mean()) / 2

    def structure(slices: Slices) -> NDArray[np.bool_]:
        if SHOWN_AS[name] == Tissue.BLEED:
            return (grey_volume(slices) < level) & place
        return (segment(slices, load_network()) == label) & place

    off_true_mr = structure(true_mr)
    # On the slices of the ill head: the head is the same.
    masks = {HEALTHY: structure(of_volume(us, twin.truth))}
    for path in models:
        masks[path.parent.name] = structure(synthesis(path, us))
    healthy, excess = masks[HEALTHY].sum(), off_true_mr.sum() - masks[HEALTHY].sum()
    large_enough = abs(excess) * SPACING_MM**3 >= LEAST_MM3
    return [
        {
            "pathology": name,
            "size_mm": size_mm,
            "run": run,
            "true_mm3": truth.sum() * SPACING_MM**3,
            "true_mr_mm3": off_true_mr.sum() * SPACING_MM**3,
            "synthetic_mm3": mask.sum() * SPACING_MM**3,
            "dice": dice(mask, truth),
            "dice_true_mr": dice(off_true_mr, truth),
            "kept": (mask.sum() - healthy) / excess if large_enough else None,
        }
        for run, mask in masks.items()
    ]


def synthesis(path: Path, us: Slices) -> Slices:
    """Return a model's synthetic slices, each by itself."""
    loaded, device = read_model(path), torch.device("cpu")
    infer = optimize_for_inference(loaded.network, device, bfloat16=False)
    neighbours = loaded.settings.network.neighbours
    return synthesize(
        infer, us, neighbours=neighbours, run=path.parent.name, batch_size=8, device=device
    )


def grey_volume(slices: Slices) -> NDArray[np.float32]:
    """Return the mean of all planes, ``[z, y, x]``."""
    return sitk.GetArrayFromImage(assemble(slices))


def of_volume(us: Slices, volume: NDArray[np.floating]) -> Slices:
    """Return a volume's slices at the places of others."""
    return replace(us, image=cut(volume, us.plane, us.index).astype(np.float16))


def region(us: Slices, name: str) -> NDArray[np.bool_]:
    """Return where the structure is sought, by the true labels, ``[z, y, x]``."""
    assert us.labels is not None
    labels = volume_of(us, us.labels)
    covered = volume_of(us, np.ones_like(us.head)) > 0
    if name in ("cyst", "bleed"):
        lesion = labels == Tissue[name.upper()]
        return covered & (ndimage.distance_transform_edt(~lesion) * SPACING_MM <= AROUND_MM)
    if name == "large_cisterna_magna":
        cerebellum = np.nonzero(labels == Tissue.CEREBELLUM)
        z, y, x = np.indices(labels.shape)
        behind = (y > cerebellum[1].mean()) & (z <= cerebellum[0].max())
        beside = np.abs(x - cerebellum[2].mean()) * SPACING_MM <= 13.0
        return covered & behind & beside & (z >= cerebellum[0].min())
    return covered


if __name__ == "__main__":
    main()
