"""Judge measures on syntheses whose anatomy is known: what does each of them follow?

    python studies/measures/controlled.py FOLDER [--subjects 3] [--out docs/results/measures]

Simulates test subjects in atlas space and makes, from the true MR of each, syntheses with the right
anatomy and another look (blurred, noisy, other contrast, negative, one grey per tissue), with the
look of MR and another anatomy (warped by smooth fields of rising strength, another subject), and
the two references `copy` and `atlas`. ``anatomy`` is the mean Dice between the labels that a
synthesis shows and the true ones, known from how it was made and not from its pixels. Every measure
of `register` and `compare`, the segmenter's Dice and three measures without truth are then written
to ``{out}_controlled.csv``, a row per synthesis and subject; their rank correlations with
``anatomy`` are printed.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from correlate import correlations
from numpy.typing import NDArray
from scipy import ndimage
from subjects import CONFIG, SPACING_MM, Subject, Volume, subject

from ssus2mri.config.base import load_section
from ssus2mri.config.evaluate import CompareSettings, RegisterSettings, SegmentSettings
from ssus2mri.evaluate.compare import run_compare
from ssus2mri.evaluate.register import run_register
from ssus2mri.evaluate.segment import dices, true_classes, volume_of, without_truth
from ssus2mri.measures import nmi
from ssus2mri.segment.segment import segment
from ssus2mri.segment.weights import load_network
from ssus2mri.simulate.deformation import exponential
from ssus2mri.simulate.mri import smooth_noise
from ssus2mri.slices import Slices, write
from ssus2mri.slicing import cut

AGES = (22.4, 23.1, 23.7)
TRAINING_AGES = (22.7, 23.3)
LIKENESS = ("ssim", "ssim_brain", "ms_ssim", "nmi", "psnr", "mae")
DEFORMATION = ("deformation", "similarity_before", "similarity_after")
LOOKS = ("truth", "blur_1.5", "blur_3", "noise", "gamma", "negative", "one_grey")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", type=int, default=3, choices=range(1, 4))
    parser.add_argument("--out")
    arguments = parser.parse_args()
    tests = [subject(f"s{n}", AGES[n], "us") for n in range(arguments.subjects)]
    training = [subject(f"t{n}", age, "mr") for n, age in enumerate(TRAINING_AGES)]
    rows: list[dict[str, object]] = []
    for test in tests:
        rows += measured(test, training, arguments.folder)
    table = pd.DataFrame(rows)
    if arguments.out:
        path = f"{arguments.out}_controlled.csv"
        table.to_csv(path, index=False, float_format="%.4g", lineterminator="\n")
    print(table.groupby("synthesis", sort=False).mean(numeric_only=True).round(2).to_string())
    like_mr = table[(table["kind"] == "anatomy") | (table["synthesis"] == "truth")]
    print("the truth and other anatomies in the look of MR, with `anatomy`")
    print(correlations(like_mr, "anatomy", unit="subject").to_string(index=False))
    for truth in ("dice_segmented", "ssim"):
        print(f"all, with `{truth}`")
        print(correlations(table, truth, unit="subject").to_string(index=False))


def measured(test: Subject, training: list[Subject], folder: Path) -> list[dict[str, object]]:
    """Return a row of all measures for every synthesis of a subject."""
    us = folder / "extract" / f"{test.slices.header.volume}.h5"
    write(test.slices, us)
    references = []
    for mr in training:
        references.append(folder / "extract" / f"{mr.slices.header.volume}.h5")
        write(replace(mr.slices, truth=None, labels=None), references[-1])
    shown = syntheses(test, training)
    slices = {name: as_slices(test, name, image) for name, (image, _) in shown.items()}
    seen = {name: segment(synthetic, load_network()) for name, synthetic in slices.items()}
    settings = load_section(SegmentSettings, CONFIG, "segment")
    compare = load_section(CompareSettings, CONFIG, "compare")
    register = load_section(RegisterSettings, CONFIG, "register")
    register = register.model_copy(update={"slices_per_volume": 6})
    rows = []
    for name, synthetic in slices.items():
        path = folder / "synthesize" / name / us.name
        write(synthetic, path)
        compared, registered = folder / "compare.csv", folder / "register.csv"
        run_compare([path], extracts=[us], out=compared, settings=compare)
        run_register([path], references=references, out=registered, settings=register)
        likeness = pd.read_csv(compared).mean(numeric_only=True)
        deformation = pd.read_csv(registered).mean(numeric_only=True)
        rows.append(
            {
                "synthesis": name,
                "subject": test.slices.header.subject,
                "kind": kind(name),
                "anatomy": anatomy(test, shown[name][1]),
                **{name: likeness[name] for name in LIKENESS},
                **{name: deformation[name] for name in DEFORMATION},
                **likeness_to_scan(test.slices, synthetic),
                **without_truth(test.slices, seen[name], seen["atlas"], settings),
                "dice_segmented": dices(seen[name], true_classes(test.slices))["dice_mean"],
            }
        )
    return rows


def as_slices(test: Subject, name: str, image: Volume) -> Slices:
    """Return a synthesis, ``[z, y, x]`` in [0, 1], at the places of a subject's slices."""
    places = test.slices.plane, test.slices.index
    return replace(
        test.slices,
        header=replace(test.slices.header, modality="mr", run=name),
        image=(cut(image, *places) * test.slices.head).astype(np.float16),
        truth=None,
        labels=None,
    )


def kind(name: str) -> str:
    """Return what a synthesis gets wrong: the look, the anatomy, or (a mixture, the scan) both."""
    if name in LOOKS:
        return "look"
    return "both" if name in ("half_atlas", "copy") else "anatomy"


def syntheses(
    test: Subject, training: list[Subject]
) -> dict[str, tuple[Volume, NDArray[np.uint8]]]:
    """Make the syntheses of a subject: image ``[z, y, x]`` in [0, 1] and the classes it shows."""
    truth, classes = test.truth, test.classes
    brain = truth > 0
    rng = np.random.default_rng(int(test.slices.header.ga_weeks * 10))
    syntheses = {
        "truth": truth,
        "blur_1.5": ndimage.gaussian_filter(truth, 1.5 / SPACING_MM) * brain,
        "blur_3": ndimage.gaussian_filter(truth, 3 / SPACING_MM) * brain,
        "noise": np.clip(truth + rng.normal(0, 0.15, truth.shape), 0, 1) * brain,
        "gamma": truth**2,
        "negative": (1 - truth) * brain,
        "one_grey": _one_grey(truth, classes) * brain,
    }
    shown = {name: (image, classes) for name, image in syntheses.items()}
    for strength_mm in (0.75, 1.5, 3.0, 6.0):
        field = _field(truth.shape, strength_mm, rng)
        warped = _warped(truth, field, order=1), _warped(classes, field, order=0)
        shown[f"warp_{strength_mm:g}"] = warped
    weeks = test.slices.header.ga_weeks
    nearest = min(training, key=lambda mr: abs(mr.slices.header.ga_weeks - weeks))
    shown["atlas"] = (nearest.truth, nearest.classes)
    shown["half_atlas"] = ((truth + nearest.truth) / 2, classes)
    us = volume_of(test.slices, np.rint(test.slices.image * 255).astype(np.uint8))
    shown["copy"] = (us / 255, classes)
    return shown


def anatomy(test: Subject, classes: NDArray[np.uint8]) -> float:
    """Return the mean Dice of the classes that a synthesis shows, over all of the grid."""
    return dices(classes, test.classes)["dice_mean"] or 0.0


def likeness_to_scan(us: Slices, synthetic: Slices) -> dict[str, float]:
    """Return measures that need the scan only and no segmenter, means over the slices."""
    values: dict[str, list[float]] = {"nmi_scan": [], "edges_scan": []}
    for scan, image, head in zip(us.image, synthetic.image, us.head, strict=True):
        inside = ndimage.binary_erosion(head, iterations=3)  # the skull's echo is no tissue border
        if inside.sum() < 100:
            continue
        values["nmi_scan"].append(nmi(scan, image, inside, bins=32))
        values["edges_scan"].append(edge_agreement(scan, image, inside))
    return {name: float(np.mean(each)) for name, each in values.items()}


def edge_agreement(scan: Volume, image: Volume, inside: NDArray[np.bool_]) -> float:
    """Return how far the borders of a synthesis run along those of the scan, 0.5 by chance.

    Squared cosine of the angle between both gradients, weighted by the product of their sizes.
    Source of the idea: normalised gradient fields, Haber and Modersitzki, MICCAI 2006.
    """
    gradients = [
        np.stack(
            [ndimage.gaussian_filter(a.astype(np.float64), 1.0, order=o) for o in ((1, 0), (0, 1))]
        )
        for a in (scan, image)
    ]
    size = [np.sqrt((g**2).sum(axis=0)) for g in gradients]
    weight = (size[0] * size[1])[inside]
    cosine = (gradients[0] * gradients[1]).sum(axis=0)[inside] / np.maximum(weight, 1e-12)
    return float((weight * cosine**2).sum() / max(weight.sum(), 1e-12))


def _one_grey(truth: Volume, classes: NDArray[np.uint8]) -> Volume:
    labels = np.unique(classes)
    means = np.zeros(int(labels.max()) + 1)
    means[labels] = ndimage.mean(truth, classes, labels)
    return means[classes]


def _field(shape: tuple[int, ...], strength_mm: float, rng: np.random.Generator) -> Volume:
    """Draw a diffeomorphic displacement, components x, y, z, of that root mean square, mm."""
    noise = np.stack([smooth_noise(rng, shape, 9.0, np.full(3, SPACING_MM)) for _ in range(3)])
    velocity = (noise * strength_mm / np.sqrt(3)).astype(np.float32)
    return exponential(velocity, (SPACING_MM,) * 3)


def _warped(array: NDArray, field: Volume, *, order: int) -> NDArray:
    points = np.indices(array.shape, np.float32) + field[::-1] / np.float32(SPACING_MM)
    return ndimage.map_coordinates(array, points, order=order, mode="constant")


if __name__ == "__main__":
    main()
