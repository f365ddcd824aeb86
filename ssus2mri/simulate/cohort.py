"""Simulate one scan of one subject, with its labels, its true MR and its true pose."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import geometry
from ssus2mri import volume as volumes
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.errors import InputError
from ssus2mri.simulate import mri, ultrasound
from ssus2mri.simulate.anatomy import Anatomy, built_in, head_mask
from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.beam import random_fan
from ssus2mri.simulate.deformation import random_deformation
from ssus2mri.simulate.pose import (
    Points,
    fit_similarity,
    generator,
    lattice,
    random_pose,
    world_of,
)
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
    volume: str, *, subject: str, modality: str, anatomy: Anatomy, settings: SimulateSettings
) -> Simulated:
    """Simulate a scan.

    Image points reach the anatomy through pose, size and deformation, composed into one map, and
    every array of the anatomy is read once at the result. ``pose`` is the least-squares similarity
    fit of that map over the head: it maps into the anatomy's world, which is atlas space
    (`ssus2mri.simulate.anatomy`) at the subject's own age.

    Args:
        volume: name; seeds pose and acquisition.
        subject: name; seeds deformation and texture.
        modality: ``us`` or ``mr``.
        anatomy: undeformed head.
        settings: all of the simulation.

    Returns:
        The scan.

    Raises:
        InputError: another modality.
    """
    if modality not in ("us", "mr"):
        raise InputError(
            volume, expected="modality us or mr", found=repr(modality), do="Correct the manifest."
        )
    own = settings.mr if modality == "mr" else settings
    deformation = random_deformation(
        generator(settings.seed, "subject", subject),
        deformation_mm=settings.anatomy.deformation_mm,
        smoothness_mm=settings.anatomy.smoothness_mm,
        size_variation=settings.anatomy.size_variation,
        aspect_variation=settings.anatomy.aspect_variation,
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
    labels = anatomy.sample(anatomy.array, points, order=0, outside=Tissue.BACKGROUND)
    texture = generator(settings.seed, "texture", subject)
    truth = anatomy.sample(
        mri.contrast(anatomy, settings.mr, rng=texture), points, order=1, outside=0.0
    )
    truth[~mri.intracranial(labels)] = 0
    fitted = _fit(world, points, labels)
    del points
    image: NDArray
    if modality == "mr":
        image = mri.acquire(truth, settings.spacing_mm, settings.mr, rng=rng)
    else:
        fan = random_fan(rng, pose, settings.ultrasound, spacing_mm=settings.spacing_mm)
        maps = ultrasound.echo_maps(
            anatomy, settings.ultrasound, blur_mm=0.2 + 0.3 * settings.spacing_mm
        )
        image_points = lattice(world, shape)
        image = ultrasound.scan(
            anatomy, maps, fan, to_canonical, image_points, settings.ultrasound, rng=rng
        )
    return Simulated(
        geometry.from_array(image, grid),
        geometry.from_array(labels, grid),
        geometry.from_array(truth, grid),
        fitted,
    )


def anatomy_of(ga_weeks: float, labels: Path | None, settings: SimulateSettings) -> Anatomy:
    """Give the anatomy of a label atlas, or the built-in one of an age."""
    if labels is not None:
        return from_labels(labels, settings.anatomy)
    return built_in(ga_weeks, settings.anatomy)


def run_simulate(
    volume: str,
    *,
    subject: str,
    modality: str,
    ga_weeks: float,
    labels: Path | None,
    out: Path,
    settings: SimulateSettings,
) -> None:
    """Simulate a scan and write it.

    Args:
        volume: name; seeds pose and acquisition.
        subject: name; seeds the anatomy.
        modality: ``us`` or ``mr``.
        ga_weeks: age of the built-in anatomy, weeks.
        labels: label atlas instead of the built-in anatomy.
        out: the image, ``.nii.gz``; ``_labels.nii.gz``, ``_truth.nii.gz`` and ``_pose.tfm`` are put
            beside it.
        settings: section ``simulate``.

    Raises:
        InputError: the label atlas cannot be used, or ``out`` does not end in ``.nii.gz``.
    """
    if not out.name.endswith(ENDING):
        raise InputError(
            str(out), expected=f"a name ending in {ENDING}", found=out.name, do="Rename it."
        )
    scan = simulate(
        volume,
        subject=subject,
        modality=modality,
        anatomy=anatomy_of(ga_weeks, labels, settings),
        settings=settings,
    )
    stem = out.name.removesuffix(ENDING)
    volumes.write(scan.labels, out.with_name(f"{stem}_labels{ENDING}"))
    volumes.write(scan.truth, out.with_name(f"{stem}_truth{ENDING}"))
    geometry.write_transform(scan.pose, out.with_name(f"{stem}_pose.tfm"))
    volumes.write(scan.image, out)
    logger.info("%s: %s of %s, %g weeks", volume, modality, subject, ga_weeks)


def _fit(
    world: Callable[[Points], Points], points: Points, labels: NDArray[np.uint8]
) -> sitk.Transform:
    """Fit the map over the head, on every other voxel."""
    half = (slice(None, None, 2),) * 3
    inside = head_mask(labels[half])
    indices = 2 * np.stack(np.nonzero(inside)).astype(np.float32)
    return fit_similarity(world(indices), points[(slice(None), *half)][:, inside])
