"""A label atlas as anatomy: skull, scalp, midline, cavum and choroid plexus are added to it."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri import volume
from ssus2mri.config.simulate import AnatomySettings
from ssus2mri.errors import InputError
from ssus2mri.simulate.anatomy import Anatomy, centre_of, crescent, head_mask
from ssus2mri.simulate.pose import world_of
from ssus2mri.tissues import ATLAS_LABELS, Tissue

_MARGIN_MM = 12.0
_CLOSING_MM = 8.0
_FISSURE = (Tissue.EXTRA_AXIAL_CSF, Tissue.CORTEX)


def from_labels(path: Path, settings: AnatomySettings) -> Anatomy:
    """Read a label atlas and put the rest of the head around and into it.

    Args:
        path: labels 0 to 8 as in `Tissue`, any orientation.
        settings: thickness of skull and scalp.

    Returns:
        Anatomy in the world of the file; its voxels are the file's, unmoved.

    Raises:
        InputError: not such labels, or a tissue that is needed is absent.
    """
    image = volume.read_labels(path, ATLAS_LABELS)
    needed = [
        tissue
        for tissue in (Tissue.WHITE_MATTER, Tissue.VENTRICLES, Tissue.DEEP_GREY)
        if not (sitk.GetArrayViewFromImage(image) == tissue).any()
    ]
    if needed:
        raise InputError(
            str(path),
            expected="a brain with white matter, ventricles and deep grey matter",
            found=f"no {', '.join(t.name.lower() for t in needed)}",
            do="Map your labels to the scheme of config/README.md.",
        )
    image = _with_margin(image)
    labels = sitk.GetArrayFromImage(image)
    spacing = np.array(image.GetSpacing()[::-1])
    _add_details(labels, image, spacing)
    _add_bone(labels, spacing, settings)
    filled = sitk.GetImageFromArray(labels)
    filled.CopyInformation(image)
    return Anatomy(filled, centre_of(filled, head_mask(labels)))


def _with_margin(image: sitk.Image) -> sitk.Image:
    """Cut to the head, with room for skull and scalp."""
    view = sitk.GetArrayViewFromImage(image) > 0
    places = [np.nonzero(view.any(axis=other))[0] for other in ((0, 1), (0, 2), (1, 2))]
    low = [int(place[0]) for place in places]
    size = [int(place[-1] - place[0]) + 1 for place in places]
    margin = [int(np.ceil(_MARGIN_MM / edge)) for edge in image.GetSpacing()]
    return sitk.ConstantPad(sitk.RegionOfInterest(image, size, low), margin, margin, 0)


def _add_bone(
    labels: NDArray[np.uint8], spacing: NDArray[np.float64], settings: AnatomySettings
) -> None:
    """Close the gaps of the brain mask, then lay skull and scalp around it."""
    brain = labels > 0
    near = ndimage.distance_transform_edt(~brain, spacing) < _CLOSING_MM
    closed = ndimage.distance_transform_edt(near, spacing) > _CLOSING_MM
    closed = ndimage.binary_fill_holes(closed | brain)
    labels[closed & ~brain] = Tissue.EXTRA_AXIAL_CSF
    outside = ndimage.distance_transform_edt(~closed, spacing)
    outside = ndimage.gaussian_filter(outside, 0.8 / spacing)
    shell = ~closed & (outside <= settings.skull_mm + settings.scalp_mm)
    labels[shell] = Tissue.SCALP
    labels[~closed & (outside <= settings.skull_mm)] = Tissue.SKULL


def _add_details(
    labels: NDArray[np.uint8], image: sitk.Image, spacing: NDArray[np.float64]
) -> None:
    """Split midline, cavum and choroid plexus off the atlas' tissues, by their place."""
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in labels.shape], indexing="ij"))
    x, y, z = world_of(image)(indices.astype(np.float32))
    brain = (labels == Tissue.WHITE_MATTER) | (labels == Tissue.CORTEX)
    deep = labels == Tissue.DEEP_GREY
    aside = np.abs(x - x[brain].mean())
    behind, above = y - y[deep].mean(), z - z[deep].mean()
    fluid = labels == Tissue.VENTRICLES
    labels[fluid & (aside < 3.0) & (behind < 0) & (above > 0)] = Tissue.CAVUM
    depth = ndimage.distance_transform_edt(fluid, spacing)
    atrium = (behind > 8) & (aside > 5) & (depth > 0.9)
    labels[fluid & atrium & (behind < 24)] = Tissue.CHOROID_PLEXUS
    callosum = fluid & (aside < 8) & (behind < 0)
    middle, top = y[callosum].mean(), np.percentile(z[callosum], 90)
    fissure = np.isin(labels, _FISSURE) & (aside < 0.6)
    labels[fissure & crescent(y - middle - 3, z - top)] = Tissue.MIDLINE
