"""Ellipses and ellipsoids, fitted to masks and drawn as masks.

Coordinates are local mm: array index times spacing, in array order (``[y, x]`` or ``[z, y, x]``),
so the image's direction does not matter.
"""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipse (D = 2) or ellipsoid (D = 3).

    ``center (D,)`` local mm; ``axes (D,)`` semi-axes, mm; ``rotation (D, D)`` orthonormal, column i
    is the direction of axis i.
    """

    center: Floats
    axes: Floats
    rotation: Floats

    def points(self, directions: Floats) -> Floats:
        """Map ``(N, D)`` unit vectors to surface points, ``(N, D)`` local mm."""
        return self.center + (directions * self.axes) @ self.rotation.T

    def normals(self, directions: Floats) -> Floats:
        """Return the outward unit normals at `points`, ``(N, D)``."""
        normals = (directions / self.axes) @ self.rotation.T
        return normals / np.linalg.norm(normals, axis=1, keepdims=True)

    def grown(self, mm: float) -> "Ellipsoid":
        """Return the same with every semi-axis longer by some mm."""
        return Ellipsoid(self.center, self.axes + mm, self.rotation)


def local_spacing(image: sitk.Image) -> Floats:
    """Return the spacing in array order, ``(D,)`` mm."""
    return np.array(image.GetSpacing()[::-1])


def draw(ellipsoid: Ellipsoid, like: sitk.Image) -> sitk.Image:
    """Draw an ellipsoid as a mask.

    Returns:
        uint8 image, 1 inside.
    """
    shape = like.GetSize()[::-1]
    scaled = ellipsoid.rotation / ellipsoid.axes  # (D, D): columns divided by the semi-axes
    squared = np.zeros(shape)
    grids = [
        (np.arange(n) * s - c).reshape([-1 if d == i else 1 for d in range(len(shape))])
        for i, (n, s, c) in enumerate(
            zip(shape, local_spacing(like), ellipsoid.center, strict=True)
        )
    ]
    for column in scaled.T:
        squared += sum(grid * weight for grid, weight in zip(grids, column, strict=True)) ** 2
    mask = sitk.GetImageFromArray((squared <= 1.0).astype(np.uint8))
    mask.CopyInformation(like)
    return mask


def of_mask(mask: sitk.Image) -> Ellipsoid:
    """Return the ellipsoid with the centroid and second moments of a mask, the longest axis first.

    Args:
        mask: image, above 0 inside, not empty.

    Returns:
        The ellipsoid; a mask drawn from an ellipsoid gives it back.
    """
    spacing = local_spacing(mask)
    inside = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0) * spacing
    covariance = np.atleast_2d(np.cov(inside.T, bias=True)) + np.diag(spacing**2) / 12
    variances, vectors = np.linalg.eigh(covariance)
    # A solid unit D-ball has variance 1 / (D + 2) along each axis.
    axes = np.sqrt((mask.GetDimension() + 2) * variances)
    order = np.argsort(axes)[::-1]
    return Ellipsoid(inside.mean(axis=0), axes[order], vectors[:, order])


def solidity(mask: sitk.Image) -> float:
    """Return the volume of a mask over that of the ellipsoid with its second moments.

    Args:
        mask: image, above 0 inside, not empty.

    Returns:
        1 for an ellipse or ellipsoid, above 0.9 for a brain, small for a shell or scattered pieces.
    """
    ball = {2: np.pi, 3: 4 / 3 * np.pi}[mask.GetDimension()]
    count = int(np.count_nonzero(sitk.GetArrayViewFromImage(mask)))
    volume = count * np.prod(local_spacing(mask))
    return float(volume / (ball * np.prod(of_mask(mask).axes)))
