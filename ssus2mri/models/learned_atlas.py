"""A learned atlas: features of the average head at the place of a slice."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ssus2mri.slices import PLANES

_EDGE = 32
"""Voxels along each axis, whatever the size of the slices."""
_MIDDLE_WEEKS, _HALF_RANGE_WEEKS = 24.0, 6.0


@dataclass(frozen=True)
class Place:
    """The place of slices in atlas space, and their age; each ``(N,)``.

    ``plane`` is an index into `slices.PLANES`.
    """

    plane: Tensor
    index: Tensor
    ga_weeks: Tensor


class LearnedAtlas(nn.Module):
    """Features in atlas space, learned together with the network that reads them.

    A slice does not tell where it was cut, and shows nothing in the shadow of the skull, where an
    atlas knows what to expect. The features change linearly with age. Not in the source.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # At first 0: the network begins as one without an atlas.
        self.features = nn.Parameter(torch.zeros(2 * channels, _EDGE, _EDGE, _EDGE))

    def forward(self, place: Place, size: int) -> Tensor:
        """Read the features at the place of slices.

        Args:
            place: of the slices.
            size: their edge, pixels; the atlas grid has as many slices.

        Returns:
            ``(N, channels, size, size)``, linear between voxels.
        """
        level = ((place.index.float() + 0.5) * _EDGE / size - 0.5).clamp(0, _EDGE - 1)
        below = level.floor().long()
        above = (below + 1).clamp(max=_EDGE - 1)
        age = (place.ga_weeks.float() - _MIDDLE_WEEKS) / _HALF_RANGE_WEEKS
        share, age = (v[:, None, None, None].to(self.features) for v in (level - below, age))
        # As `ssus2mri.slicing`: a plane's number is the axis that its index counts along.
        stacks = torch.stack([self.features.movedim(1 + axis, 0) for axis in range(len(PLANES))])
        plane = place.plane.long()
        average, change = torch.lerp(stacks[plane, below], stacks[plane, above], share).chunk(2, 1)
        return F.interpolate(average + age * change, (size, size), mode="bilinear")
