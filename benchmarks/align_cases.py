"""Align heads of known pose: simulated ones, and real ones turned by known rotations."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from ssus2mri.config.project import Project
from ssus2mri.images import geometry, volume
from ssus2mri.pose.placement import ball_radius_mm, middle
from ssus2mri.prepare.align import align_3d, head_of
from ssus2mri.prepare.crop import crop
from ssus2mri.prepare.head import find_mask
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pose import generator

WEEKS = (18.0, 30.0)


class Result(NamedTuple):
    """Of one volume: errors against the true pose, confidence, CPU seconds of crop and align."""

    degrees: float
    centre_mm: float
    scale: float
    confidence: float
    crop_s: float
    align_s: float


class Template(NamedTuple):
    """What `align` compares with."""

    us: sitk.Image
    mr: sitk.Image
    labels: sitk.Image


def aligned(
    image: sitk.Image, modality: str, ga_weeks: float, template: Template, settings: Project
) -> tuple[sitk.Transform, float, float, float]:
    """Crop and align a volume: transform, confidence, CPU seconds of both."""
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    begin = time.process_time()
    mask = find_mask(image, modality=modality, ga_weeks=ga_weeks, settings=settings.crop)
    scan, head = crop(image, mask, settings.crop.margin_mm)
    cropped = time.process_time()
    transform, quality = align_3d(
        sitk.Cast(scan, sitk.sitkFloat32),
        head,
        template.us if modality == "us" else template.mr,
        template.labels,
        modality=modality,
        transform=None,
        settings=settings.align,
    )
    end = time.process_time()
    return transform, quality["confidence"], cropped - begin, end - cropped


def simulated_case(
    case: tuple[int, Path | None], *, modality: str, template: Template, settings: Project
) -> Result:
    """Simulate a head in any pose, align it, and compare."""
    number, labels = case
    name = f"{modality}-{number}"
    rng = generator(settings.simulate.seed, "benchmark", name)
    ga_weeks = float(rng.uniform(*WEEKS))
    if labels is not None:  # an atlas keeps its shape: an age near its own
        ga_weeks = weeks_of(labels)
    own = settings_of(name, settings.simulate)
    turned = {"rotation_deg": 180.0}
    own = own.model_copy(
        update={**turned, "shift_mm": 6.0, "size": 128, "spacing_mm": 0.9}
        | {"mr": own.mr.model_copy(update={**turned, "shift_mm": 6.0})}
    )
    anatomy = anatomy_of(ga_weeks, labels, own)
    scan = simulate(
        name, subject=name, modality=modality, ga_weeks=ga_weeks, anatomy=anatomy, settings=own
    )
    transform, *rest = aligned(scan.image, modality, ga_weeks, template, settings)
    truth = through_upright(scan.pose, anatomy.labels, template.labels)
    return Result(*errors(transform, truth, head_of(scan.labels, "us")), *rest)


def through_upright(
    pose: sitk.Transform, anatomy: sitk.Image, template: sitk.Image, *, modality: str = "us"
) -> sitk.Transform:
    """Go on from a subject's anatomy to the template: same upright frame, head over head.

    Args:
        pose: image -> anatomy.
        anatomy: its labels.
        template: labels of the template.
        modality: ``mr`` where the anatomy has no skull, so that brains are compared.

    Returns:
        Image -> template.
    """
    (own_centre, own_mm3), (centre, mm3) = (
        middle(head_of(a, modality)) for a in (anatomy, template)
    )
    scale = ball_radius_mm(mm3) / ball_radius_mm(own_mm3)
    matrix = scale * upright_rotation(template).T @ upright_rotation(anatomy)
    to_template = sitk.AffineTransform(3)
    to_template.SetMatrix((matrix @ geometry.matrix(pose)).ravel().tolist())
    zero = np.array(pose.TransformPoint((0.0, 0.0, 0.0)))
    to_template.SetTranslation((centre + matrix @ (zero - own_centre)).tolist())
    return to_template


def errors(
    transform: sitk.Transform, truth: sitk.Transform, head: sitk.Image
) -> tuple[float, float, float]:
    """Return degrees, mm at the head's centre in the atlas, and the ratio of scales."""
    turn = geometry.matrix(transform) @ np.linalg.inv(geometry.matrix(truth))
    scale = float(np.cbrt(np.linalg.det(turn)))
    centre = middle(head)[0].tolist()
    away = np.array(transform.TransformPoint(centre)) - np.array(truth.TransformPoint(centre))
    degrees = np.degrees(Rotation.from_matrix(turn / scale).magnitude())
    return float(degrees), float(np.linalg.norm(away)), scale


def weeks_of(path: Path) -> float:
    """Return the age that a file's name gives, as in ``crl-23w_t2w.nii.gz``."""
    return float(path.name.split("-")[1][:2])


def corners_mm(image: sitk.Image) -> np.ndarray:
    """Return the corners of an image in the world, ``(8, 3)``."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(image.GetSize()) - 1.0)
    return np.array([image.TransformContinuousIndexToPhysicalPoint(c.tolist()) for c in corners])


def turned_copy(
    image: sitk.Image, turn: Rotation, spacing_mm: float
) -> tuple[sitk.Image, sitk.AffineTransform]:
    """Resample an image turned about its middle, on a grid that holds all of it.

    Returns:
        The copy, and the transform from its points to those of the image.
    """
    corners = corners_mm(image)
    centre = corners.mean(axis=0)
    reach = np.abs((corners - centre) @ turn.as_matrix().T).max()
    grid = geometry.grid(int(2 * reach / spacing_mm) + 2, spacing_mm, (0.0, 0.0, 0.0))
    back = sitk.AffineTransform(3)
    back.SetMatrix(turn.inv().as_matrix().ravel().tolist())
    back.SetTranslation(centre.tolist())
    copy = geometry.resample(sitk.Cast(image, sitk.sitkFloat32), grid, back.GetInverse())
    return copy, back


def turned_mr(path: Path, number: int, *, template: Template, settings: Project) -> Result:
    """Turn a real MR that is upright in its own world by any rotation, and align it."""
    image = volume.read(path)
    labels = volume.read(path.with_name(path.name.replace("_t2w", "_labels")))
    labels = sitk.Cast(labels, sitk.sitkUInt8)
    copy, back = turned_copy(image, Rotation.random(random_state=number), 0.8)
    ga_weeks = weeks_of(path)
    transform, *rest = aligned(copy, "mr", ga_weeks, template, settings)
    truth = through_upright(back, labels, template.labels, modality="mr")
    brain = geometry.resample(
        sitk.Cast(labels > 0, sitk.sitkUInt8), copy, back.GetInverse(), nearest=True
    )
    return Result(*errors(transform, truth, brain), *rest)


def real_case(
    case: tuple[Path, int], *, template: Template, settings: Project
) -> tuple[np.ndarray, float, float, float]:
    """Align a real volume after a turn; the rotation that `align` gives to the unturned image."""
    path, number = case
    image = volume.read(path)
    turn = Rotation.identity() if number == 0 else Rotation.random(random_state=number)
    # The unturned scan goes as it is.
    scan = image if number == 0 else turned_copy(image, turn, 0.6)[0]
    ga_weeks = weeks_of(path)
    transform, *rest = aligned(scan, "us", ga_weeks, template, settings)
    return geometry.rotation(transform) @ turn.as_matrix(), *rest
