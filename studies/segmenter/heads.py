"""Make the heads that the segmenter learns from: varied anatomies, each in a contrast of its own.

    python studies/segmenter/heads.py FOLDER --count 100
    python studies/segmenter/heads.py FOLDER --count 42 --first 1000 --labels LABELS...
    python studies/segmenter/heads.py FOLDER --count 42 --first 2000 --labels LABELS... --mr MR...

Simulated MR of the built-in head; of label atlases, which take turns; or, with ``--mr``, real MR
of these atlases, turned, deformed, and changed in contrast. One ``.npz`` a head: ``image`` uint8
``[z, y, x]``, 0 outside the brain, and ``classes`` uint8, same shape (`ssus2mri.segment.classes`).
Heads that exist are kept, so an interrupted run goes on.
"""

import argparse
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config import project
from ssus2mri.config.pathology import Lesion
from ssus2mri.config.project import Project
from ssus2mri.config.simulate import MrSettings, SimulateSettings
from ssus2mri.errors import InputError
from ssus2mri.files import whole
from ssus2mri.images import geometry, volume
from ssus2mri.segment.classes import class_of
from ssus2mri.simulate.anatomy import Anatomy, centre_of
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.deformation import random_deformation
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.simulate.pose import generator, index_of, lattice, random_pose, world_of
from ssus2mri.tissues import ATLAS_LABELS, Tissue

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
AGES = (19.0, 29.0)  # weeks
PATHOLOGY_SHARE = 0.3
EXPONENT = (0.7, 2.0)  # of the contrast with white matter
TISSUE_STD = 0.08  # of each tissue's logarithm besides
SOFT_VOXELS = 0.6  # of the border between two changes of contrast: partial volume

Image = NDArray[np.float32]
Labels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--first", type=int, default=0, help="number of the first head")
    parser.add_argument("--labels", type=Path, nargs="*", default=[], help="label atlases")
    parser.add_argument("--mr", type=Path, nargs="*", default=[], help="of each label atlas")
    arguments = parser.parse_args()
    if arguments.mr and len(arguments.mr) != len(arguments.labels):
        parser.error("--mr needs as many files as --labels")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    settings = project.read(CONFIG, Path(__file__).with_name("segmenter.yaml"))
    for number in range(arguments.first, arguments.first + arguments.count):
        out = arguments.folder / f"{number:05d}.npz"
        if out.exists():
            continue
        rng = generator(settings.simulate.seed, "segmenter", f"segmenter-{number}")
        labels = arguments.labels[number % len(arguments.labels)] if arguments.labels else None
        if labels is not None and arguments.mr:
            mr = arguments.mr[number % len(arguments.mr)]
            image, classes = real(mr, labels, settings.simulate, rng)
        else:
            image, classes = simulated(f"segmenter-{number}", labels, settings, rng)
        white = np.percentile(image[image > 0], 99.5)
        grey = np.where(image > 0, np.clip(image / white * 200, 1, 255), 0)
        with whole(out) as partial:
            np.savez_compressed(partial, image=grey.astype(np.uint8), classes=classes)


def simulated(
    name: str, label_atlas: Path | None, settings: Project, rng: np.random.Generator
) -> tuple[Image, Labels]:
    """Return a simulated MR ``[z, y, x]`` and its classes."""
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
    return image, class_of(labels)


def real(
    mr: Path, labels: Path, settings: SimulateSettings, rng: np.random.Generator
) -> tuple[Image, Labels]:
    """Return a real MR in another pose, shape and contrast, ``[z, y, x]``, and its classes."""
    image = volume.read(mr)
    marked = volume.read_labels(labels, ATLAS_LABELS, like=image)
    image, marked = (sitk.DICOMOrient(part, "LPS") for part in (image, marked))
    grey, tissues = (sitk.GetArrayFromImage(part) for part in (image, marked))
    deformation = random_deformation(rng, settings.anatomy, size=1.0)
    pose = random_pose(rng, rotation_deg=settings.mr.rotation_deg, shift_mm=settings.mr.shift_mm)
    world = world_of(geometry.grid(settings.size, settings.spacing_mm, (0.0, 0.0, 0.0)))
    points = lattice(
        lambda index: deformation.to_canonical(pose.to_head(world(index))), (settings.size,) * 3
    )
    centre = centre_of(marked, tissues > 0).astype(np.float32)
    indices = index_of(marked)(points + centre.reshape(3, 1, 1, 1))
    # Beyond the brain its border goes on, so that interpolation does not darken it.
    nearest = ndimage.distance_transform_edt(grey <= 0, return_distances=False, return_indices=True)
    moved = ndimage.map_coordinates(grey[tuple(nearest)], indices, order=3)
    inside = ndimage.map_coordinates((grey > 0).astype(np.uint8), indices, order=0)
    classes = class_of(ndimage.map_coordinates(tissues, indices, order=0)) * inside
    moved = with_contrast(np.maximum(moved, 1.0) * inside, classes, settings.mr, rng)
    return moved, classes


def with_contrast(
    image: Image, labels: Labels, settings: MrSettings, rng: np.random.Generator
) -> Image:
    """Bring the mean of every tissue a part of the way, drawn, to that of a simulated contrast.

    Texture, partial volume and bias of the image stay.

    Args:
        image: ``[z, y, x]``, 0 outside the brain.
        labels: `Tissue` of the label atlases, same shape.
        settings: of the contrast that is varied by `any_contrast`.
        rng: source of randomness.

    Returns:
        The image with white matter as bright as it was.
    """
    wanted = any_contrast(settings, rng).intensity
    present = np.unique(labels[labels > 0])
    white = image[labels == Tissue.WHITE_MATTER].mean()
    means = ndimage.mean(image, labels, present) / white
    target = [wanted[Tissue(k).name.lower()] / wanted["white_matter"] for k in present]
    change = np.zeros(len(Tissue), np.float32)
    change[present] = rng.uniform() * np.log(np.array(target) / means)
    return image * np.exp(ndimage.gaussian_filter(change[labels], SOFT_VOXELS))


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
