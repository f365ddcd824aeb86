"""Simulate one scan of one subject, with its labels, its true MR and its true pose."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.config.pathology import Pathology
from ssus2mri.config.rows import SimulateRow
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.errors import InputError
from ssus2mri.growth import head_circumference_mm
from ssus2mri.images import geometry
from ssus2mri.images import volume as volumes
from ssus2mri.simulate import biometry, mri, ultrasound
from ssus2mri.simulate.anatomy import Anatomy, built_in, head_mask
from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.deformation import random_deformation
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.simulate.pose import (
    Points,
    fit_similarity,
    generator,
    lattice,
    random_pose,
    world_of,
)
from ssus2mri.simulate.randomise import burn_boxes, draw_scanner
from ssus2mri.simulate.surroundings import surround
from ssus2mri.tissues import Tissue

logger = logging.getLogger(__name__)
ENDING = ".nii.gz"


@dataclass(frozen=True)
class Simulated:
    """One scan; all images on one grid centred at the world's origin.

    ``image`` uint8 (ultrasound) or float32 (MR); ``labels`` uint8 `Tissue`; ``truth`` float32, the
    noise-free MR, 0 outside the intracranial space; ``pose`` image -> atlas, see `simulate`.
    """

    image: sitk.Image
    labels: sitk.Image
    truth: sitk.Image
    pose: sitk.Transform


def simulate(
    volume: str,
    *,
    subject: str,
    modality: str,
    ga_weeks: float,
    anatomy: Anatomy,
    settings: SimulateSettings,
) -> Simulated:
    """Simulate a scan.

    Fluid and uterine wall are laid around the head. Image points reach the anatomy through pose,
    size and deformation, composed into one map, and every array of the anatomy is read once at the
    result. The mean size is that of the subject's age, whatever the anatomy's: label atlases do not
    grow. ``pose`` is the least-squares similarity fit of that map over the head: it maps into the
    anatomy's world, which is atlas space (`ssus2mri.simulate.anatomy`).

    Args:
        volume: name; seeds pose and acquisition.
        subject: name; seeds surroundings, deformation and texture.
        modality: ``us`` or ``mr``.
        ga_weeks: gestational age, weeks.
        anatomy: undeformed head.
        settings: all of the simulation.
    """
    own = settings.mr if modality == "mr" else settings
    size = head_circumference_mm(ga_weeks) / biometry.head_circumference_mm(anatomy)
    anatomy = surround(anatomy, generator(settings.seed, "surroundings", subject), settings.anatomy)
    deformation = random_deformation(
        generator(settings.seed, "subject", subject), settings.anatomy, size=size
    )
    rng = generator(settings.seed, "volume", volume)
    pose = random_pose(rng, rotation_deg=own.rotation_deg, shift_mm=own.shift_mm)
    centre = anatomy.centre_mm.astype(np.float32)

    def to_canonical(points: Points) -> Points:
        moved = deformation.to_canonical(pose.to_head(points))
        return moved + centre.reshape(3, *[1] * (points.ndim - 1))

    grid = geometry.grid(settings.size, settings.spacing_mm, (0.0, 0.0, 0.0))
    shape = (settings.size,) * 3
    world = world_of(grid)
    points = lattice(lambda index: to_canonical(world(index)), shape)
    labels = anatomy.sample(anatomy.array, points, order=0, outside=Tissue.UTERINE_WALL)
    texture = generator(settings.seed, "texture", subject)
    contrast = mri.contrast(anatomy, settings.mr, ga_weeks=ga_weeks, rng=texture)
    truth = anatomy.sample(contrast, points, order=1, outside=0.0)
    del contrast
    truth[~mri.intracranial(labels)] = 0
    fitted = _fit(world, points, labels)
    del points
    image: NDArray
    if modality == "mr":
        image = mri.acquire(truth, settings.spacing_mm, settings.mr, rng=rng)
    else:
        ranges, scanner = settings.randomise, generator(settings.seed, "scanner", volume)
        random = scanner.random() < ranges.share
        sound = settings.ultrasound
        if random:
            hc_mm = head_circumference_mm(ga_weeks)
            sound = draw_scanner(sound, ranges, hc_mm=hc_mm, rng=scanner)
        image = ultrasound.random_scan(
            anatomy,
            pose,
            to_canonical,
            lambda: lattice(world, shape),
            sound,
            spacing_mm=settings.spacing_mm,
            rng=rng,
        )
        if random:
            image = burn_boxes(image, ranges, spacing_mm=settings.spacing_mm, rng=scanner)
    return Simulated(
        geometry.from_array(image, grid),
        geometry.from_array(labels, grid),
        geometry.from_array(truth, grid),
        fitted,
    )


def anatomy_of(ga_weeks: float, labels: Path | None, settings: SimulateSettings) -> Anatomy:
    """Return the anatomy of a label atlas, or the built-in one of an age."""
    if labels is not None:
        return from_labels(labels, settings.anatomy)
    return built_in(ga_weeks, settings.anatomy)


def settings_of(subject: str, settings: SimulateSettings) -> SimulateSettings:
    """Draw what a subject's head is built with: the thickness of its skull.

    Returns:
        The settings with the subject's own ``skull_mm``.
    """
    drawn = generator(settings.seed, "skull", subject).normal(0, settings.anatomy.skull_variation)
    skull_mm = settings.anatomy.skull_mm * float(np.exp(drawn))
    anatomy = settings.anatomy.model_copy(update={"skull_mm": skull_mm})
    return settings.model_copy(update={"anatomy": anatomy})


def run_simulate(
    row: SimulateRow,
    *,
    labels: Path | None,
    pathology: Pathology | None,
    out: Path,
    settings: SimulateSettings,
) -> None:
    """Simulate a scan and write it.

    Args:
        row: columns of the manifest; the volume's name seeds pose and acquisition, the subject's
            the anatomy.
        labels: label atlas instead of the built-in anatomy.
        pathology: what is wrong with the brain; None: nothing.
        out: the image, ``.nii.gz``; ``_labels.nii.gz``, ``_truth.nii.gz`` and ``_pose.tfm`` are put
            beside it.
        settings: section ``simulate``.

    Raises:
        InputError: the label atlas cannot be used, the pathology cannot be in it, or ``out`` does
            not end in ``.nii.gz``.
    """
    if not out.name.endswith(ENDING):
        raise InputError(
            str(out), expected=f"a name ending in {ENDING}", found=out.name, do="Rename it."
        )
    anatomy = anatomy_of(row.ga_weeks, labels, settings_of(row.subject, settings))
    if pathology is not None:
        anatomy = add_pathology(anatomy, pathology)
    scan = simulate(
        row.volume,
        subject=row.subject,
        modality=row.modality,
        ga_weeks=row.ga_weeks,
        anatomy=anatomy,
        settings=settings,
    )
    stem = out.name.removesuffix(ENDING)
    volumes.write(scan.labels, out.with_name(f"{stem}_labels{ENDING}"))
    volumes.write(scan.truth, out.with_name(f"{stem}_truth{ENDING}"))
    geometry.write_transform(scan.pose, out.with_name(f"{stem}_pose.tfm"))
    volumes.write(scan.image, out)
    logger.info("%s: %s of %s, %g weeks", row.volume, row.modality, row.subject, row.ga_weeks)


def _fit(
    world: Callable[[Points], Points], points: Points, labels: NDArray[np.uint8]
) -> sitk.Transform:
    """Fit the map over the head, on every other voxel."""
    half = (slice(None, None, 2),) * 3
    inside = head_mask(labels[half])
    indices = 2 * np.stack(np.nonzero(inside)).astype(np.float32)
    return fit_similarity(world(indices), points[(slice(None), *half)][:, inside])
