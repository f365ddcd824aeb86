"""The average head of an age, deformed onto what a network sees of a head.

What the ultrasound does not show, a network draws blurred, as the mean of what might be there. An
average head has borders everywhere, and the deformation puts them where the network sees them.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from ssus2mri.config.deform import FfdSettings
from ssus2mri.ffd.pyramid import register
from ssus2mri.ffd.spline import displacement
from ssus2mri.tissues import SHOWN, Tissue

Floats = NDArray[np.float32]
AVERAGES = Path(__file__).with_name("averages.npz")
SIZE, SPACING_MM = 96, 1.0
"""Grid of the average heads, centred where that of the atlas is."""
_PARTS = 2  # of a voxel along each axis, in which its tissues are counted


@dataclass(frozen=True)
class AverageHead:
    """``mr`` float32 in [0, 1] and ``labels`` uint8 `Tissue`, ``[z, y, x]`` on the own grid."""

    mr: Floats
    labels: NDArray[np.uint8]


@dataclass(frozen=True)
class DeformedHead:
    """An average head in the shape of another, on the grid of the atlas.

    ``mr`` float32 in [0, 1]; ``tissue (K, ...)`` float32, share of each of `SHOWN` in a voxel.
    """

    mr: Floats
    tissue: Floats


@cache
def _read() -> dict[str, NDArray]:
    with np.load(AVERAGES) as file:
        return dict(file)


def average_head(ga_weeks: float) -> AverageHead:
    """Return the average head of the nearest age; a built-in one, in the size of the atlas's."""
    heads = _read()
    number = int(np.abs(heads["ages_weeks"] - ga_weeks).argmin())
    return AverageHead(heads["mr"][number].astype(np.float32) / 255, heads["labels"][number])


def at_rest(head: AverageHead, size: int, spacing_mm: float) -> AverageHead:
    """Return an average head on a cubic grid of ``size`` voxels with edges of ``spacing_mm``."""
    points = _points(size, spacing_mm)
    return AverageHead(_sample(head.mr, points, order=1), _sample(head.labels, points, order=0))


def deform(
    head: AverageHead,
    mr: Floats,
    brain: NDArray[np.bool_],
    *,
    spacing_mm: float,
    settings: FfdSettings,
) -> DeformedHead:
    """Deform an average head to the MR that a network sees.

    Args:
        head: the average head.
        mr: ``[z, y, x]`` in atlas space, cubic, 0 outside the brain.
        brain: the same, where the network sees brain.
        spacing_mm: edge of its voxels.
        settings: of the deformation.

    Returns:
        The average head in that shape; as it is where nothing can be registered.
    """
    size = len(mr)
    points = _points(size, spacing_mm)
    fixed, moving, mask = (
        torch.from_numpy(np.ascontiguousarray(array))[None]
        for array in (mr, _sample(head.mr, points, order=1), ndimage.binary_dilation(brain))
    )
    coefficients, failed = register(fixed, moving, mask, spacing_mm=spacing_mm, settings=settings)
    field = displacement(coefficients, mr.shape) * (~failed).float()
    fine = F.interpolate(field, scale_factor=_PARTS, mode="trilinear")[0].numpy()
    labels = _sample(head.labels, _points(_PARTS * size, spacing_mm / _PARTS) + fine, order=0)
    labels[labels == Tissue.SUTURE] = Tissue.SKULL
    tissue = np.stack([_shares(labels == name) for name in SHOWN])
    tissue[0] += 1 - tissue.sum(axis=0)  # scalp and what lies around it
    return DeformedHead(_sample(head.mr, points + field[0].numpy(), order=1), tissue)


def _points(size: int, spacing_mm: float) -> Floats:
    """Return the middles of the voxels of a grid, mm from its own middle, ``(3, z, y, x)``."""
    axis = ((np.arange(size) - (size - 1) / 2) * spacing_mm).astype(np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"))


def _sample(array: NDArray, points: Floats, *, order: int) -> NDArray:
    places = points / SPACING_MM + (SIZE - 1) / 2
    return ndimage.map_coordinates(array, places, order=order, mode="nearest")


def _shares(mask: NDArray[np.bool_]) -> Floats:
    counts = torch.from_numpy(mask)[None, None].float()
    return F.avg_pool3d(counts, _PARTS)[0, 0].numpy()
