"""Simulate the MR that the segmenter learns from: varied heads, each in a contrast of its own.

    python studies/segmenter/heads.py FOLDER --count 100
    python studies/segmenter/heads.py FOLDER --count 42 --first 1000 --labels WU_LABELS...

One ``.npz`` a head: ``image`` uint8 ``[z, y, x]``, 0 outside the brain, and ``classes`` uint8, same
shape (`ssus2mri.segment.classes`). Heads that exist are kept, so an interrupted run goes on. Label
atlases, if given, take turns as anatomies; no real image is read.
"""

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config import project
from ssus2mri.config.pathology import Lesion
from ssus2mri.config.project import Project
from ssus2mri.config.simulate import MrSettings
from ssus2mri.errors import InputError
from ssus2mri.files import whole
from ssus2mri.segment.classes import class_of
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.simulate.pose import generator

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
AGES = (19.0, 29.0)  # weeks
PATHOLOGY_SHARE = 0.3
EXPONENT = (0.7, 2.0)  # of the contrast with white matter
TISSUE_STD = 0.08  # of each tissue's logarithm besides


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="number of the first head")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="label atlases")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    settings = project.read(CONFIG, Path(__file__).with_name("segmenter.yaml"))
    for number in range(arguments.first, arguments.first + arguments.count):
        labels = arguments.labels[number % len(arguments.labels)] if arguments.labels else None
        make_head(number, arguments.folder, settings, labels)


def make_head(number: int, folder: Path, settings: Project, label_atlas: Path | None) -> None:
    """Simulate the MR of a head and write it, unless it is there."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    out = folder / f"{number:05d}.npz"
    if out.exists():
        return
    name = f"segmenter-{number}"
    rng = generator(settings.simulate.seed, "segmenter", name)
    ga_weeks = float(rng.uniform(*AGES))
    own = settings_of(name, settings.simulate)
    anatomy = anatomy_of(ga_weeks, label_atlas, own)
    if rng.random() < PATHOLOGY_SHARE:
        anatomy = with_pathology(anatomy, settings, rng)
    own = own.model_copy(update={"mr": any_contrast(own.mr, rng)})
    scan = simulate(
        name, subject=name, modality="mr", ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    image, labels = (sitk.GetArrayFromImage(part) for part in (scan.image, scan.labels))
    white = np.percentile(image[image > 0], 99.5)
    grey = np.where(image > 0, np.clip(image / white * 200, 1, 255), 0)
    with whole(out) as partial:
        np.savez_compressed(partial, image=grey.astype(np.uint8), classes=class_of(labels))


def any_contrast(settings: MrSettings, rng: np.random.Generator) -> MrSettings:
    """Return settings of another contrast: each tissue against white matter, stronger or weaker."""
    white = settings.intensity["white_matter"]
    exponent = rng.uniform(*EXPONENT)
    intensity = {
        name: white * (value / white) ** exponent * float(np.exp(rng.normal(0, TISSUE_STD)))
        for name, value in settings.intensity.items()
    }
    return settings.model_copy(update={"intensity": intensity})


def with_pathology(anatomy: Anatomy, settings: Project, rng: np.random.Generator) -> Anatomy:
    """Add a pathology where the anatomy can have it; a lesion has its own place and size."""
    kinds = sorted(settings.pathologies)
    chosen = settings.pathologies[kinds[int(rng.integers(len(kinds)))]]
    if isinstance(chosen, Lesion):
        place = np.array(chosen.centre_mm) * (rng.choice([-1, 1]), 1, 1) + rng.normal(0, 5.0, 3)
        update = {"centre_mm": tuple(place.tolist()), "diameter_mm": float(rng.uniform(4, 16))}
        chosen = chosen.model_copy(update=update)
    try:
        return add_pathology(anatomy, chosen)
    except InputError:
        return anatomy


if __name__ == "__main__":
    main()
