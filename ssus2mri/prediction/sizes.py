"""Sizes of a predicted head in mm, each with an interval and its place in the growth charts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, special

from ssus2mri.growth import ellipse_circumference
from ssus2mri.images import geometry
from ssus2mri.pieces import largest_piece
from ssus2mri.prediction.network import Calibration
from ssus2mri.prepare.ellipsoid import of_mask
from ssus2mri.simulate import biometry
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.growth_charts import CHARTS
from ssus2mri.tissues import HEAD, Tissue

NAMES = (
    *("head_circumference", "biparietal", "occipitofrontal"),
    *("transcerebellar", "atrium", "cavum"),
)
"""In the order of the output; a chart of each is in `ssus2mri.simulate.growth_charts`."""
_LEAST_PX = 12  # of a structure: fewer are no structure but noise
_LEAST_CEREBELLUM = 0.5  # of its age's mean: a narrower one was not found; not stated in the source


@dataclass(frozen=True)
class Size:
    """A size in mm, the interval that holds the true one, and its place in the growth chart.

    ``z`` standard deviations from the mean of the age, ``percentile`` 0 to 100.
    """

    mm: float
    low_mm: float
    high_mm: float
    z: float
    percentile: float


def measure(labels: sitk.Image, scale: float) -> dict[str, float]:
    """Measure a labelled head.

    Args:
        labels: 3D uint8 `Tissue`, upright; of an axial plane one slice.
        scale: lengths in ``labels`` over true lengths.

    Returns:
        mm by `NAMES`, without what is not in it.
    """
    array = _tidy(sitk.GetArrayFromImage(labels))
    anatomy = Anatomy(geometry.from_array(array, labels), np.zeros(3))
    inside = np.isin(array, HEAD)
    if not inside.any():
        return {}
    sizes = _of_plane(anatomy, inside[0]) if len(array) == 1 else _of_volume(anatomy)
    present: dict[Tissue, dict[str, Callable[[], float]]] = {
        Tissue.CEREBELLUM: {"transcerebellar": lambda: biometry.transcerebellar_mm(anatomy)},
        Tissue.CHOROID_PLEXUS: {"atrium": lambda: float(np.nanmax(biometry.atria_mm(anatomy)))},
        Tissue.CAVUM: {"cavum": lambda: biometry.cavum_mm(anatomy)},
    }
    for tissue, functions in present.items():
        needs_middle = tissue == Tissue.CHOROID_PLEXUS and not (array == Tissue.DEEP_GREY).any()
        if (array == tissue).sum() >= _LEAST_PX and not needs_middle:
            sizes |= {name: function() for name, function in functions.items()}
    return {name: sizes[name] / scale for name in NAMES if math.isfinite(sizes.get(name, math.nan))}


def judged(
    sizes: dict[str, float],
    calibration: Calibration,
    *,
    kind: str,
    ga_weeks: float,
    interval: float,
) -> dict[str, Size]:
    """Correct sizes for their bias, and return them with intervals and places in the charts.

    Args:
        sizes: mm, of `measure`.
        calibration: of the network.
        kind: ``plane`` or ``volume``.
        ga_weeks: gestational age, weeks.
        interval: probability that the true size lies in the interval.

    Returns:
        By name, without a transcerebellar diameter that says that the cerebellum was not found.
    """
    reach = float(special.ndtri((1 + interval) / 2))
    calibrated = {}
    for name, seen_mm in sizes.items():
        if name not in calibration.sizes[kind]:  # never measured well enough for an interval
            continue
        factor, offset_mm, deviation = calibration.sizes[kind][name]
        mm = factor * seen_mm + offset_mm
        chart = CHARTS[name]
        least_mm = _LEAST_CEREBELLUM * chart.mean(ga_weeks) if name == "transcerebellar" else 0.0
        if mm <= least_mm:
            continue
        z = (mm - chart.mean(ga_weeks)) / chart.sd(ga_weeks)
        calibrated[name] = Size(
            mm,
            mm * math.exp(-reach * deviation),
            mm * math.exp(reach * deviation),
            z,
            100 * float(special.ndtr(z)),
        )
    return calibrated


def _of_volume(anatomy: Anatomy) -> dict[str, float]:
    if not (anatomy.array == Tissue.DEEP_GREY).any():
        return {}
    return {
        "head_circumference": biometry.head_circumference_mm(anatomy),
        "biparietal": biometry.biparietal_mm(anatomy),
        "occipitofrontal": biometry.occipitofrontal_mm(anatomy),
    }


def _of_plane(anatomy: Anatomy, inside: NDArray[np.bool_]) -> dict[str, float]:
    mask = sitk.GetImageFromArray(inside.astype(np.uint8))
    mask.SetSpacing(anatomy.labels.GetSpacing()[:2])
    long, short = (2 * float(axis) for axis in of_mask(mask).axes)
    return {
        "head_circumference": ellipse_circumference(long, short),
        "biparietal": short,
        "occipitofrontal": long,
    }


def _tidy(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Keep the largest piece of the head, and of cerebellum and cavum, filled with brain."""
    tidy = array.copy()
    head = np.isin(array, HEAD)
    whole = ndimage.binary_fill_holes(largest_piece(head))
    tidy[head & ~whole] = Tissue.BACKGROUND
    tidy[whole & ~head] = Tissue.WHITE_MATTER
    for tissue in (Tissue.CEREBELLUM, Tissue.CAVUM):
        part = tidy == tissue
        tidy[part & ~largest_piece(part)] = Tissue.WHITE_MATTER
    return tidy
