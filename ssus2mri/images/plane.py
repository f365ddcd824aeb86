"""2D planes: resampled to square pixels of the size on which file and table agree."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.images.grid import Grid, require_plausible
from ssus2mri.images.messages import contradicts, lacks, rounded

SAME = 0.01
"""Relative difference between two statements of a pixel's size that is rounding."""
_AXES = ((1.0, 0.0), (0.0, 1.0))


def square(
    path: Path,
    values: NDArray[Any],
    said_mm: tuple[float, float] | None,
    pixel_mm: float | None,
    *,
    nearest: bool = False,
) -> sitk.Image:
    """Resample a plane to square pixels of the right size.

    Args:
        path: for messages.
        values: ``(H, W)``.
        said_mm: edges of a pixel by the file, along x and y; None: it does not say.
        pixel_mm: edge by the table; None: it does not say.
        nearest: whether the values are a mask.

    Returns:
        2D image of origin 0; pixels that are not square are resampled to their shorter edge.

    Raises:
        InputError: neither says the size, or they contradict each other.
    """
    if said_mm is None and pixel_mm is None:
        raise lacks(
            path,
            "the size of a pixel",
            "Give `pixel_mm` in its row, or `predict --pixel-mm`, measured in mm.",
        )
    both = said_mm is not None and pixel_mm is not None
    if both and not np.allclose(said_mm, pixel_mm, rtol=SAME, atol=0):  # type: ignore[arg-type]
        found = f"{rounded(said_mm or ())} mm in the file and {pixel_mm:g} mm in the table"
        raise contradicts(path, "size of a pixel (`pixel_mm`)", found)
    edges = (pixel_mm, pixel_mm) if pixel_mm is not None else said_mm
    assert edges is not None
    grid = Grid(values.shape[::-1], edges, (0.0, 0.0), _AXES)
    require_plausible(path, grid)
    image = sitk.GetImageFromArray(values if nearest else values.astype(np.float32))
    image.SetSpacing(edges)
    if abs(edges[0] / edges[1] - 1) <= SAME:
        return image
    edge = min(edges)
    extent = [(n - 1) * e for n, e in zip(grid.size, edges, strict=True)]
    like = sitk.Image([int(np.floor(e / edge + 1e-6)) + 1 for e in extent], image.GetPixelID())
    like.SetSpacing((edge, edge))
    how = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    return sitk.Resample(image, like, sitk.Transform(2, sitk.sitkIdentity), how, 0.0)


def upright(image: sitk.Image, *, nearest: bool = False) -> sitk.Image:
    """Bring a plane's pixels into the order of the world: x to the left, y to the back.

    Args:
        image: 2D.
        nearest: whether it is a mask.

    Returns:
        The same picture with an identity direction; resampled only where its axes are oblique.
    """
    axes = np.array(image.GetDirection()).reshape(2, 2)
    if np.allclose(axes, np.eye(2)):
        return image
    size, edges = np.array(image.GetSize()), np.array(image.GetSpacing())
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * (size - 1)
    world = corners * edges @ axes.T + image.GetOrigin()
    low, high = world.min(axis=0), world.max(axis=0)
    turned = np.abs(axes) > np.sqrt(0.5)
    steps = turned @ edges
    like = sitk.Image(
        [int(n) for n in np.floor((high - low) / steps + 1e-6) + 1], image.GetPixelID()
    )
    like.SetSpacing(steps.tolist())
    like.SetOrigin(low.tolist())
    oblique = not np.allclose(np.abs(axes), turned, atol=1e-4)
    how = sitk.sitkLinear if oblique and not nearest else sitk.sitkNearestNeighbor
    return sitk.Resample(image, like, sitk.Transform(2, sitk.sitkIdentity), how, 0.0)
