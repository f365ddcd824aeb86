"""An aligned ultrasound in, what training MR would look like in that very head out.

Not in the source, which brings all scans to one space and then draws both modalities without regard
to it. The atlas is known as ultrasound, from each side, and as MR: its ultrasound is deformed to
the scan, and the training MR goes along. What comes out is nobody's MR. It errs where the
deformation does, and knows nothing that the training MR does not show.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri import slices
from ssus2mri.config.prepare import MatchSettings
from ssus2mri.deform import deform_smoothly, displacements
from ssus2mri.images import volume
from ssus2mri.prepare import contrast, picture
from ssus2mri.prepare.contrast import Features
from ssus2mri.prepare.extract import aligned, cut
from ssus2mri.slices import Slices
from ssus2mri.tissues import Tissue

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Atlas:
    """The atlas on one grid: ultrasound, head, labels (`Tissue`), and training MR in its shape.

    ``us`` is the same head as seen from each side that a probe stands on.
    """

    us: list[sitk.Image]
    head: sitk.Image
    labels: sitk.Image
    mr: sitk.Image


@dataclass(frozen=True)
class Matched:
    """The atlas in the shape of a head, on the grid of its scan.

    ``mr`` float32, 0 outside the head; ``labels`` uint8 `Tissue`, 0 far from it; ``view`` which of
    the atlas's views the scan was found to be like; ``moved_mm`` how far the atlas was moved within
    the head, mean.
    """

    mr: sitk.Image
    labels: sitk.Image
    view: int
    moved_mm: float


def match(us: sitk.Image, head: sitk.Image, atlas: Atlas, settings: MatchSettings) -> Matched:
    """Deform the atlas onto a head, and MR in the atlas's shape with it.

    Args:
        us: aligned 3D ultrasound.
        head: its mask, on the same grid.
        atlas: what is deformed.
        settings: section ``match``.

    Returns:
        The atlas in the shape of this head. Where no deformation is found it keeps its own.
    """
    known = [(us, head), *((view, atlas.head) for view in atlas.us)]
    fixed, *views = (
        contrast.features(image, mask, settings.spacing_mm, modality="us", settings=settings)
        for image, mask in known
    )
    # Which side the scan was taken from is not known: the view that comes nearest tells.
    tried = [
        (one.image(), deform_smoothly(fixed.image(), one.image(), fixed.mask(), settings))
        for one in views
    ]
    likeness = [_likeness(fixed, *one) for one in tried]
    view = int(np.argmax(likeness))
    _, found = tried[view]
    field = sitk.GetArrayFromImage(displacements(found, fixed.image()))
    # Beyond what was compared nothing is known to be deformed: no outlines there.
    compared = sitk.Resample(fixed.mask() >= 0, us, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    labels = sitk.Resample(atlas.labels, us, found, sitk.sitkNearestNeighbor, 0)
    return Matched(
        mr=sitk.Mask(sitk.Resample(atlas.mr, us, found, sitk.sitkLinear, 0.0), head),
        labels=sitk.Mask(labels, compared),
        view=view,
        moved_mm=float(np.linalg.norm(field[fixed.inside], axis=-1).mean()),
    )


def _likeness(fixed: Features, moving: sitk.Image, transform: sitk.Transform) -> float:
    """Correlation of two heads, the one deformed to the other."""
    moved = sitk.Resample(moving, fixed.image(), transform, sitk.sitkLinear, 0.0)
    both = fixed.values[fixed.inside], sitk.GetArrayViewFromImage(moved)[fixed.inside]
    norm = float(np.linalg.norm(both[0]) * np.linalg.norm(both[1]))
    return float(both[0] @ both[1]) / norm if norm else 0.0


def run_match(
    image: Path,
    *,
    mask: Path,
    transform: Path,
    plane: str,
    extract: Path,
    views: list[Path],
    template_head: Path,
    template_labels: Path,
    blend: Path,
    out: Path,
    settings: MatchSettings,
) -> None:
    """Read an aligned ultrasound, match MR to it, and write the slices beside which it is learnt.

    A 2D plane gets the MR of its level in the shape of the atlas: one plane does not tell how a
    head is deformed across it.

    Args:
        image: aligned ultrasound.
        mask: mask of the cropped image.
        transform: image -> atlas.
        plane: plane of a 2D image; empty: a volume.
        extract: slice file of the same volume; the new one has its planes and indices.
        views: ultrasound of the atlas, from each side that a probe stands on.
        template_head: mask of its head.
        template_labels: its tissues.
        blend: MR in the shape of the atlas, written by `blend`.
        out: ``.h5`` to write; beside it the picture ``.png`` of the scan, with outlines of the
            tissues as they were deformed, and the side it was found to be seen from.
        settings: section ``match``.
    """
    known = slices.read(extract)
    us, head, _ = aligned(image, mask, transform, plane=bool(plane))
    atlas = Atlas(
        [volume.read(path) for path in views],
        volume.read_mask(template_head),
        volume.read_labels(template_labels, tuple(Tissue)),
        volume.read(blend),
    )
    name = known.header.volume
    if plane:
        mr, labels = atlas.mr, atlas.labels[:, :, int(known.index[0])]
        caption = f"{name}: one plane, the template is not deformed"
    else:
        found = match(us, head, atlas, settings)
        mr, labels = found.mr, found.labels
        side = views[found.view].name.partition(".")[0]
        caption = (
            f"{name}: the template as seen from the side '{side}' deformed to the scan,"
            f" {found.moved_mm:.1f} mm on average"
        )
    pairs = list(zip(known.plane.tolist(), known.index.tolist(), strict=True))
    made = cut(sitk.GetArrayFromImage(mr), pairs)
    slices.write(
        Slices(
            header=replace(known.header, modality="mr", low=0.0, high=1.0),
            image=(made * known.head).astype(np.float16),
            plane=known.plane,
            index=known.index,
            head=known.head,
        ),
        out,
    )
    panels = picture.panels(sitk.GetArrayFromImage(us), sitk.GetArrayFromImage(labels))
    picture.write(picture.draw(panels, caption), out.with_suffix(".png"))
    logger.info("%s; MR of %d slices", caption, len(known))
