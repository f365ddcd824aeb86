"""Locate a head in a 3D ultrasound: its placement against the upright frame, with a confidence."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray

from ssus2mri.images import geometry
from ssus2mri.pose.estimate import estimate
from ssus2mri.pose.midplane import load_midplane, straighten
from ssus2mri.pose.network import REACH
from ssus2mri.pose.placement import Placement
from ssus2mri.pose.weights import load_networks

_SPACING_MM = 1.2  # of the scans that the networks were trained on


@dataclass(frozen=True)
class Location:
    """The placement; ``confidence`` 0 to 1; ``agreement`` and ``spread_deg`` of `estimate`.

    ``midline``: how much the middle plane is like one, about 0 where there is none.
    """

    placement: Placement
    confidence: float
    agreement: float
    spread_deg: float
    midline: float


def locate(scan: sitk.Image, centre_mm: NDArray[np.float64], radius_mm: float) -> Location:
    """Locate a head.

    Args:
        scan: 3D ultrasound, any direction, any grey values, 0 outside the field of view.
        centre_mm: about the head's centre, world, ``(3,)``.
        radius_mm: about the radius of a ball of the head's volume.
    """
    reach_mm = 2 * REACH * np.sqrt(3) * 1.1 * radius_mm  # of a cube in any turn, shifted a little
    x, y, z = centre_mm.tolist()
    grid = geometry.grid(int(np.ceil(reach_mm / _SPACING_MM)), _SPACING_MM, (x, y, z))
    still = sitk.Transform(3, sitk.sitkIdentity)
    values = geometry.resample(sitk.Cast(scan, sitk.sitkFloat32), grid, still)
    # The blur beyond the field's edge is no echo: outside stays black.
    seen = geometry.resample(sitk.Cast(scan > 0, sitk.sitkUInt8), grid, still, nearest=True)
    array = sitk.GetArrayViewFromImage(values) * (sitk.GetArrayViewFromImage(seen) > 0)
    volume = torch.from_numpy(np.maximum(array, 0).astype(np.float32))
    origin = torch.tensor(grid.GetOrigin(), dtype=torch.float32)
    to_index = torch.cat([torch.eye(3), -origin[:, None]], dim=1)[None] / _SPACING_MM
    rough = Placement(np.eye(3), centre_mm, radius_mm)
    networks = load_networks()
    result = estimate(volume[None], to_index, rough, networks.coarse, networks.fine)
    placement, midline = straighten(
        volume[None], to_index, result.placement, result.spread_deg, load_midplane()
    )
    confidence = networks.confidence(result.agreement, result.spread_deg, midline)
    return Location(placement, confidence, result.agreement, result.spread_deg, midline)
