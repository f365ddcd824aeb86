"""Similarity transforms from the atlas to an image, as seven numbers that a search can vary.

Points are rows (x, y, z) of world mm.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ssus2mri.config.prepare import AlignSettings
from ssus2mri.pose.placement import middle

Floats = NDArray[np.float64]
LEVER_MM = 30.0
"""Half a head: makes a step of rotation or scale as long as one of translation."""


@dataclass(frozen=True)
class Similarity:
    """Where the template lies in the image: ``q = center + shift + scale R (p - pivot)``.

    ``rotation`` is a rotation vector in radians; ``pivot`` is the middle of the template's head,
    ``center`` that of the image's; world mm.
    """

    rotation: Floats
    shift: Floats
    log_scale: float
    pivot: Floats
    center: Floats

    @property
    def parameters(self) -> Floats:
        """Rotation, shift, scale as one vector ``(7,)``, all in mm at the rim of the head."""
        return np.concatenate([self.rotation * LEVER_MM, self.shift, [self.log_scale * LEVER_MM]])

    def moved(self, parameters: Floats) -> "Similarity":
        """Return the transform with other `parameters`."""
        rotation, shift, scale = parameters[:3], parameters[3:6], parameters[6]
        return Similarity(rotation / LEVER_MM, shift, scale / LEVER_MM, self.pivot, self.center)

    def apply(self, places: Floats) -> Floats:
        """Map template points ``(N, 3)`` to the image."""
        turned = (places - self.pivot) @ Rotation.from_rotvec(self.rotation).as_matrix().T
        return self.center + self.shift + np.exp(self.log_scale) * turned

    def image_to_atlas(self) -> sitk.Similarity3DTransform:
        """Return the transform that maps image points to atlas points."""
        forward = sitk.Similarity3DTransform()
        forward.SetCenter(self.pivot.tolist())
        matrix = np.exp(self.log_scale) * Rotation.from_rotvec(self.rotation).as_matrix()
        forward.SetMatrix(matrix.ravel().tolist(), 1e-8)
        forward.SetTranslation((self.center + self.shift - self.pivot).tolist())
        return sitk.Similarity3DTransform(forward.GetInverse())


def overlay(head: sitk.Image, template_head: sitk.Image, settings: AlignSettings) -> Similarity:
    """Lay the template's head over the image's: same centre, and same volume if scale is free."""
    (center, volume), (pivot, of_template) = (middle(mask) for mask in (head, template_head))
    free = settings.transform == "similarity"
    log_scale = np.log(volume / of_template) / 3 if free else 0.0
    return Similarity(np.zeros(3), np.zeros(3), float(log_scale), pivot, center)


def distance(a: Similarity, b: Similarity) -> tuple[float, float]:
    """Return degrees, and mm at the middle of the head, between two transforms."""
    turn = Rotation.from_rotvec(a.rotation).inv() * Rotation.from_rotvec(b.rotation)
    return float(np.degrees(turn.magnitude())), float(np.linalg.norm(a.shift - b.shift))
