"""How a head lies in an image, and the transform between two images of heads."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


@dataclass(frozen=True)
class Placement:
    """How a head lies in an image.

    ``rotation (3, 3)`` turns world directions of the image into upright ones; ``centre_mm (3,)`` is
    the head's centre of mass in the image's world; ``radius_mm`` that of a ball of the head's
    volume.
    """

    rotation: NDArray[np.float64]
    centre_mm: NDArray[np.float64]
    radius_mm: float


def transform_between(
    image: Placement, atlas: Placement, *, scaled: bool
) -> sitk.Similarity3DTransform:
    """Return the transform that lays one head over another.

    Returns:
        The transform, image points -> atlas points, world mm.
    """
    scale = atlas.radius_mm / image.radius_mm if scaled else 1.0
    transform = sitk.Similarity3DTransform()
    transform.SetCenter(image.centre_mm.tolist())
    matrix = scale * atlas.rotation.T @ image.rotation
    transform.SetMatrix(matrix.ravel().tolist(), 1e-6)
    transform.SetTranslation((atlas.centre_mm - image.centre_mm).tolist())
    return transform


def middle(mask: sitk.Image) -> tuple[NDArray[np.float64], float]:
    """Return the world centre of mass ``(3,)`` and the volume in mm3 of a mask."""
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(mask > 0, sitk.sitkUInt8))
    return np.array(shape.GetCentroid(1)), shape.GetPhysicalSize(1)


def placement_of(head: sitk.Image, rotation: NDArray[np.float64]) -> Placement:
    """Return how a head lies in an image.

    Args:
        head: mask.
        rotation: ``(3, 3)``, world directions of the image -> upright directions.
    """
    centre_mm, volume_mm3 = middle(head)
    return Placement(rotation, centre_mm, ball_radius_mm(volume_mm3))


def ball_radius_mm(volume_mm3: float) -> float:
    """Return the radius of a ball of a volume."""
    return float((3 * volume_mm3 / (4 * np.pi)) ** (1 / 3))
