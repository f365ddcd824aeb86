"""From a scan to what the network reads: the head in the place and size of the atlas's."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.errors import RefusalError
from ssus2mri.images import geometry
from ssus2mri.prediction.network import Network
from ssus2mri.prepare.align import align_2d, describe, head_of, place
from ssus2mri.prepare.crop import circumference_mm, crop
from ssus2mri.prepare.head import find_mask
from ssus2mri.prepare.intensity import deep, scaled
from ssus2mri.prepare.plane import axial_grid

Floats = NDArray[np.float32]
_SKULL_MM = 2.0  # from its outer border to its inside
_MARGIN_MM = 25.0  # around the head: what the network reads of its surroundings


@dataclass(frozen=True)
class Prepared:
    """A scan in atlas space.

    ``us`` float32 in [0, 1] and ``head`` bool, ``[z, y, x]``, of a plane one slice; ``index`` the
    axial level of a plane in the atlas; ``to_atlas`` image -> atlas; ``mask`` the head's mask on
    the scan's grid; ``pose`` what `align` says of itself; ``hc_mm`` about the head's circumference.
    """

    us: Floats
    head: NDArray[np.bool_]
    index: int | None
    to_atlas: sitk.Transform
    mask: sitk.Image
    pose: dict[str, Any]
    hc_mm: float

    @property
    def scale(self) -> float:
        """Lengths in the atlas over lengths in the scan."""
        matrix = geometry.matrix(self.to_atlas)
        return float(abs(np.linalg.det(matrix)) ** (1 / len(matrix)))


def prepare(
    image: sitk.Image, ga_weeks: float, network: Network, *, mask: sitk.Image | None = None
) -> Prepared:
    """Find the head of a scan and bring it to atlas space.

    Args:
        image: ultrasound, 3D, or a 2D axial plane; 0 outside the field of view.
        ga_weeks: gestational age, weeks.
        network: that will read it.
        mask: the head; None: found.

    Returns:
        The scan in atlas space.

    Raises:
        RefusalError: there is no head in it.
    """
    settings = network.sections["crop"]
    head = mask
    if head is None:
        head = find_mask(image, modality="us", ga_weeks=ga_weeks, settings=settings)
    if not sitk.GetArrayViewFromImage(head).any():
        raise RefusalError("no head in it")
    labels = network.atlas.labels
    cut, cut_head = crop(image, head, _MARGIN_MM)
    align = network.sections["align"]
    if image.GetDimension() == 3:
        to_atlas, confidence, evidence = place(cut, cut_head, labels, align)
        pose = {"method": "network", "confidence": confidence, **evidence}
        like = sitk.Cast(labels, sitk.sitkFloat32)
        level, atlas_head = None, head_of(labels, "us")
    else:
        by_template = align.plane.model_copy(update={"scale_to": "template"})
        to_atlas, pose = align_2d(
            cut, cut_head, network.atlas.us, labels, ga_weeks=ga_weeks, transform=None,
            settings=align.model_copy(update={"plane": by_template}),
        )  # fmt: skip
        like, level = axial_grid(labels), int(pose["index"])
        atlas_head = head_of(labels, "us")[:, :, level]
    pose |= describe(to_atlas, cut_head, atlas_head)
    us, inside = read(cut, cut_head, like, to_atlas, network)
    return Prepared(us, inside, level, to_atlas, head, pose, circumference_mm(head))


def turned(
    prepared: Prepared, image: sitk.Image, network: Network, line: tuple[float, float]
) -> Prepared:
    """Turn and shift a placed plane until its midline is the vertical through the middle.

    Args:
        prepared: the plane.
        image: it.
        network: that will read it.
        line: its midline, of `ssus2mri.prediction.midline.midline`.

    Returns:
        The plane, placed anew.

    Raises:
        RefusalError: nothing to see in its head.
    """
    labels, level = network.atlas.labels, prepared.index
    assert level is not None
    like = axial_grid(labels)
    lean_deg, aside_px = line
    aside_mm = aside_px * like.GetSpacing()[0]
    edge = [(size - 1) / 2 for size in like.GetSize()]
    aside = np.array([aside_mm, 0.0])
    pivot = aside + like.TransformContinuousIndexToPhysicalPoint(edge)
    before = sitk.Similarity2DTransform(prepared.to_atlas)
    centre = np.array(before.GetCenter())
    lean = np.radians(lean_deg)
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    place = turn @ (centre + before.GetTranslation() - pivot) + pivot - aside
    to_atlas = sitk.Similarity2DTransform(before)
    to_atlas.SetAngle(before.GetAngle() + lean)
    to_atlas.SetTranslation((place - centre).tolist())
    cut, cut_head = crop(image, prepared.mask, _MARGIN_MM)
    pose = prepared.pose | describe(to_atlas, cut_head, head_of(labels, "us")[:, :, level])
    pose |= {"turned_deg": lean_deg, "shifted_mm": aside_mm / prepared.scale}
    us, inside = read(cut, cut_head, like, to_atlas, network)
    return replace(prepared, us=us, head=inside, to_atlas=to_atlas, pose=pose)


def read(
    image: sitk.Image,
    head: sitk.Image,
    like: sitk.Image,
    to_atlas: sitk.Transform,
    network: Network,
) -> tuple[Floats, NDArray[np.bool_]]:
    """Resample a scan to the atlas and scale its grey values as the network was trained with.

    Args:
        image: the scan.
        head: its mask.
        like: grid of the atlas.
        to_atlas: image -> atlas.
        network: that will read it.

    Returns:
        US in [0, 1] and the head, both ``[z, y, x]``.

    Raises:
        RefusalError: nothing to see in the head.
    """
    values = sitk.GetArrayFromImage(
        geometry.resample(sitk.Cast(image, sitk.sitkFloat32), like, to_atlas)
    )
    inside = sitk.GetArrayFromImage(geometry.resample(head, like, to_atlas, nearest=True)) > 0
    seen = sitk.GetArrayFromImage(
        geometry.resample(sitk.Cast(image > 0, sitk.sitkUInt8), like, to_atlas, nearest=True)
    )
    if values.ndim == 2:
        values, inside, seen = values[None], inside[None], seen[None]
    settings = network.sections["predict"]
    try:
        if not network.whole_field:
            extract = network.sections["extract"]
            within = deep(inside, like.GetSpacing()[0], extract.us_depth_mm)
            return scaled(values, inside, extract.us_percentiles, within)[0], inside
        brain = deep(inside, like.GetSpacing()[0], settings.brain_mm + _SKULL_MM)
        unit = scaled(values, inside, settings.us_percentiles, brain)
    except (ValueError, IndexError) as error:
        raise RefusalError("nothing to see in its head") from error
    low, high = unit[1:]
    return (np.clip((values - low) / (high - low), 0, 1) * (seen > 0)).astype(np.float32), inside
