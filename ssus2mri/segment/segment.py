"""Segment MR slices: each by itself, and those of a volume by the mean of all planes."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ssus2mri.segment.classes import CLASSES
from ssus2mri.segment.network import MULTIPLE, SPACING_MM, SegmentNetwork
from ssus2mri.slices import Slices

_BATCH = 4  # what a CPU keeps in its cache


def chances(
    images: NDArray[np.floating], spacing_mm: float, network: SegmentNetwork
) -> NDArray[np.float32]:
    """Return the probability of every class in every pixel.

    Args:
        images: ``(S, H, W)`` in [0, 1], 0 outside the brain.
        spacing_mm: edge of a pixel.
        network: of `ssus2mri.segment.weights`.

    Returns:
        float32 ``(S, len(CLASSES), H, W)``; where the image is 0 the background's is 1.
    """
    grey = torch.from_numpy(np.ascontiguousarray(images, np.float32))[:, None]
    with torch.inference_mode():
        parts = [_chances(part, spacing_mm, network) for part in grey.split(_BATCH)]
    return torch.cat(parts).numpy()


def segment(slices: Slices, network: SegmentNetwork) -> NDArray[np.uint8]:
    """Segment all slices of a file into one volume.

    A voxel gets the class of the highest mean probability over the slices that pass through it, as
    `ssus2mri.slicing.assemble` does with intensities.

    Args:
        slices: MR slices of a volume; or a single slice, a 2D plane.
        network: of `ssus2mri.segment.weights`.

    Returns:
        Positions in `CLASSES`, ``[z, y, x]`` on the atlas grid, background where no slice passes;
        ``(H, W)`` of a single slice.
    """
    spacing_mm, size = slices.header.spacing_mm, slices.header.size
    if len(slices) == 1:
        return chances(slices.image, spacing_mm, network)[0].argmax(0).astype(np.uint8)
    total = np.zeros((len(CLASSES), *(size,) * 3), np.float32)
    for first in range(0, len(slices), _BATCH):
        part = slice(first, first + _BATCH)
        planes = zip(slices.plane[part], slices.index[part], strict=True)
        for chance, (plane, index) in zip(
            chances(slices.image[part], spacing_mm, network), planes, strict=True
        ):
            # `moveaxis` returns a view: the sum itself is changed.
            np.moveaxis(total, 1 + int(plane), 1)[:, int(index)] += chance
    return total.argmax(0).astype(np.uint8)


def _chances(grey: Tensor, spacing_mm: float, network: SegmentNetwork) -> Tensor:
    """Segment ``(N, 1, H, W)`` on the network's own grid and return to the slices' one."""
    shape = grey.shape[-2:]
    seen = [max(1, round(edge * spacing_mm / SPACING_MM)) for edge in shape]
    small = F.interpolate(grey, seen, mode="bilinear", antialias=True, align_corners=False)
    bottom, right = (-edge % MULTIPLE for edge in seen)
    scores = network(F.pad(small, (0, right, 0, bottom)))[..., : seen[0], : seen[1]]
    chance = F.interpolate(scores.softmax(dim=1), shape, mode="bilinear", align_corners=False)
    background = F.one_hot(torch.tensor(0), len(CLASSES)).reshape(1, -1, 1, 1).float()
    return torch.where(grey > 0, chance, background)
