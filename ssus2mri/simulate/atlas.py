"""A label atlas as anatomy: what its eight tissues lack is added around them and into them."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.simulate import AnatomySettings
from ssus2mri.errors import InputError
from ssus2mri.images import volume
from ssus2mri.simulate.anatomy import Anatomy, centre_of, head_mask
from ssus2mri.simulate.head.shapes import ellipsoid
from ssus2mri.simulate.head.ventricles import crescent
from ssus2mri.simulate.pose import world_of
from ssus2mri.tissues import ATLAS_LABELS, Tissue

_MARGIN_MM = 16.0
_CLOSING_MM = 9.0
_BELOW_MM = 4.0
_FISSURE = (Tissue.EXTRA_AXIAL_CSF, Tissue.CORTEX)

Labels = NDArray[np.uint8]
Coordinates = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def from_labels(path: Path, settings: AnatomySettings) -> Anatomy:
    """Read a label atlas and put the rest of the head around and into it.

    Skull with sutures and the anterior fontanelle, scalp, a stub of neck and face; falx, cavum,
    choroid plexus and germinal matrix by their place among the atlas' own tissues.

    Args:
        path: labels 0 to 8 as in `Tissue`, any orientation.
        settings: thickness of skull and scalp.

    Returns:
        Anatomy in the world of the file; its voxels are the file's, unmoved, axes in the order LPS.

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
    image = _with_margin(sitk.DICOMOrient(image, "LPS"))
    labels = sitk.GetArrayFromImage(image)
    spacing = np.array(image.GetSpacing()[::-1])
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in labels.shape], indexing="ij"))
    x, y, z = world_of(image)(indices.astype(np.float32))
    middle = x[(labels == Tissue.WHITE_MATTER) | (labels == Tissue.CORTEX)].mean()
    place = (x - middle, y, z)
    _add_details(labels, place, spacing)
    _add_head(labels, place, spacing, settings)
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


def _add_head(
    labels: Labels, place: Coordinates, spacing: NDArray[np.float64], settings: AnatomySettings
) -> None:
    """Close the gaps of the brain mask, then lay skull and scalp, neck and face around it."""
    z = place[2]
    brain = labels > 0
    cerebellum = labels == Tissue.CEREBELLUM
    lowest = (z[cerebellum].min() if cerebellum.any() else z[brain].min()) - _BELOW_MM
    # The mask of an atlas follows the cord down; the posterior fossa is round.
    inside = _closed(brain & (z > lowest), spacing, _CLOSING_MM)
    cord = brain & ~inside & (labels == Tissue.BRAINSTEM)
    labels[brain & ~inside & ~cord] = Tissue.BACKGROUND
    labels[inside & (labels == Tissue.BACKGROUND)] = Tissue.EXTRA_AXIAL_CSF
    outside = ndimage.distance_transform_edt(~inside, spacing)
    outside = ndimage.gaussian_filter(outside, 0.8 / spacing)
    around = ~inside & ~cord
    skull = around & (outside <= settings.skull_mm)
    labels[around & _stub(place, inside, lowest)] = Tissue.SOFT_TISSUE
    labels[around & (outside <= settings.skull_mm + settings.scalp_mm)] = Tissue.SCALP
    labels[skull] = Tissue.SKULL
    labels[skull & _sutures(place, inside)] = Tissue.SUTURE


def _closed(
    mask: NDArray[np.bool_], spacing: NDArray[np.float64], radius_mm: float
) -> NDArray[np.bool_]:
    near = ndimage.distance_transform_edt(~mask, spacing) < radius_mm
    closed = ndimage.distance_transform_edt(near, spacing) > radius_mm
    return np.asarray(ndimage.binary_fill_holes(closed | mask), bool)


def _stub(place: Coordinates, inside: NDArray[np.bool_], lowest: float) -> NDArray[np.bool_]:
    """Return the neck, a column below the posterior fossa, and the lower face, an ellipsoid."""
    aside, y, z = place
    front, length = y[inside].min(), np.ptp(y[inside])
    tilt = 0.2 * (lowest - z)
    neck = (aside / 14) ** 2 + ((y - front - 0.58 * length - tilt) / 13) ** 2 < 1
    level = z[inside & (y < front + 0.3 * length)].min()
    face = ellipsoid(place, (0.0, front + 0.27 * length, level - 2), (20.0, 0.26 * length, 24.0))
    return (neck & (z < lowest + 10)) | (face < 0)


def _sutures(place: Coordinates, inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the membrane of the vault: four sutures and the anterior fontanelle.

    Widths and places (mm) are typical of mid-gestation; not stated in any source used here.
    """
    aside, y, z = np.abs(place[0]), place[1], place[2]
    front, length = y[inside].min(), np.ptp(y[inside])
    bregma, lambda_ = front + 0.42 * length, front + 0.88 * length
    high = z > z[inside].min() + 0.55 * np.ptp(z[inside])
    middle = (aside < 1.0) & (y < lambda_)
    coronal = np.abs(y - bregma + 0.3 * aside) < 1.0
    lambdoid = np.abs(y - lambda_ - 0.25 * aside) < 1.0
    fontanelle = aside / 6 + np.abs(y - bregma) / 9 < 1
    return high & (middle | coronal | lambdoid | fontanelle)


def _add_details(labels: Labels, place: Coordinates, spacing: NDArray[np.float64]) -> None:
    """Split midline, cavum, choroid plexus and germinal matrix off the atlas' tissues."""
    aside, y, z = np.abs(place[0]), place[1], place[2]
    deep = labels == Tissue.DEEP_GREY
    behind, above = y - y[deep].mean(), z - z[deep].mean()
    fluid = labels == Tissue.VENTRICLES
    depth = ndimage.distance_transform_edt(fluid, spacing)
    beside = ndimage.distance_transform_edt(~(fluid & (aside > 3.0) & (above > 0)), spacing)
    near_grey = ndimage.distance_transform_edt(~deep, spacing) < 2.5
    matrix = np.isin(labels, (Tissue.WHITE_MATTER, Tissue.DEEP_GREY)) & near_grey
    labels[matrix & (beside < 1.8) & (behind < 4)] = Tissue.GERMINAL_MATRIX
    labels[fluid & (aside < 3.0) & (behind < 0) & (above > 0)] = Tissue.CAVUM
    atrium = (behind > 8) & (aside > 5) & (depth > 0.9)
    labels[fluid & atrium & (behind < 24)] = Tissue.CHOROID_PLEXUS
    callosum = fluid & (aside < 8) & (behind < 0)
    middle, top = y[callosum].mean(), np.percentile(z[callosum], 90)
    fissure = np.isin(labels, _FISSURE) & (aside < 0.6)
    labels[fissure & crescent(y - middle - 3, z - top)] = Tissue.MIDLINE
