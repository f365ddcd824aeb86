"""The atlas that a model was trained in: its ultrasound and tissues, and how its head lies."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import SimpleITK as sitk

from ssus2mri.images import volume
from ssus2mri.pose.placement import Placement, placement_of
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.tissues import Tissue

BUILT_IN = Path(__file__).with_name("atlas")
"""The built-in head of 23 weeks, the atlas of the network in the package."""


@dataclass(frozen=True)
class Atlas:
    """``us`` float32 and ``labels`` uint8 `Tissue` on one cubic grid."""

    us: sitk.Image
    labels: sitk.Image


@cache
def load_atlas(folder: Path = BUILT_IN) -> Atlas:
    """Read an atlas that `template` wrote.

    Args:
        folder: with ``us.nii.gz`` and ``labels.nii.gz``.

    Returns:
        The atlas.

    Raises:
        InputError: a file is missing or unfit.
    """
    return Atlas(
        volume.read(folder / "us.nii.gz"),
        volume.read_labels(folder / "labels.nii.gz", tuple(Tissue)),
    )


def placement(atlas: Atlas) -> Placement:
    """Return how the head of an atlas lies."""
    return placement_of(head_of(atlas.labels, "us"), upright_rotation(atlas.labels))
