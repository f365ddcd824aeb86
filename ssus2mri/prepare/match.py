"""Stage `match`: atlas-based synthesis of MR by deformable registration.

The atlas exists as ultrasound, from each side, and as MR: its ultrasound is deformed to the scan,
and the same deformation is applied to the training MR. The result is not an MR of the subject: it
errs where the deformation does, and shows nothing that the training MR lacks.

Not in the source (TMI 2020), which aligns all scans to one space, but then draws both modalities
independently of each other. Precedent for bringing an MR atlas to fetal ultrasound by way of an
ultrasound simulated from it, there affinely: Kuklisova-Murgasova et al., *Med Image Anal* 2013,
17(8):1137-50.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri import slices
from ssus2mri.config.prepare import MatchSettings
from ssus2mri.config.rows import MatchRow
from ssus2mri.ffd.volumes import deform_smoothly, displacements
from ssus2mri.images import volume
from ssus2mri.prepare import contrast, picture
from ssus2mri.prepare.contrast import Features
from ssus2mri.prepare.extract import read_aligned
from ssus2mri.slices import Slices
from ssus2mri.slicing import cut
from ssus2mri.tissues import Tissue

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AtlasImages:
    """The atlas on one grid: ultrasound, head, labels (`Tissue`), and training MR in its shape.

    ``us`` is the same head as scanned from each side.
    """

    us: list[sitk.Image]
    head: sitk.Image
    labels: sitk.Image
    mr: sitk.Image


@dataclass(frozen=True)
class Matched:
    """The atlas in the shape of a head, on the grid of its scan.

    ``mr`` is float32, 0 outside the head; ``labels`` are uint8 `Tissue`, 0 far from it; ``view`` is
    the number of the view that the scan resembles; ``moved_mm`` is the mean displacement of the
    atlas within the head.
    """

    mr: sitk.Image
    labels: sitk.Image
    view: int
    moved_mm: float


def match(us: sitk.Image, head: sitk.Image, atlas: AtlasImages, settings: MatchSettings) -> Matched:
    """Deform the atlas, and with it the training MR, onto a head.

    Args:
        us: aligned 3D ultrasound.
        head: its mask, on the same grid.
        atlas: what is deformed.
        settings: section ``match``.

    Returns:
        The atlas in the shape of this head, or in its own where the registration fails.
    """
    scans = [(us, head), *((view, atlas.head) for view in atlas.us)]
    fixed, *views = (
        contrast.features(image, mask, settings.spacing_mm, modality="us", settings=settings)
        for image, mask in scans
    )
    # The side that the scan was taken from is unknown: the most similar view is chosen.
    transforms = [
        deform_smoothly(fixed.image(), moving.image(), fixed.mask(), settings) for moving in views
    ]
    similarities = [
        _correlation(fixed, moving.image(), transform)
        for moving, transform in zip(views, transforms, strict=True)
    ]
    view = int(np.argmax(similarities))
    transform = transforms[view]
    field = sitk.GetArrayFromImage(displacements(transform, fixed.image()))
    # The deformation is undefined outside the grid of the features: no outlines there.
    compared = sitk.Resample(fixed.mask() >= 0, us, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    labels = sitk.Resample(atlas.labels, us, transform, sitk.sitkNearestNeighbor, 0)
    return Matched(
        mr=sitk.Mask(sitk.Resample(atlas.mr, us, transform, sitk.sitkLinear, 0.0), head),
        labels=sitk.Mask(labels, compared),
        view=view,
        moved_mm=float(np.linalg.norm(field[fixed.inside], axis=-1).mean()),
    )


def _correlation(fixed: Features, moving: sitk.Image, transform: sitk.Transform) -> float:
    """Correlate two heads after deforming the second to the first."""
    moved = sitk.Resample(moving, fixed.image(), transform, sitk.sitkLinear, 0.0)
    a, b = fixed.values[fixed.inside], sitk.GetArrayViewFromImage(moved)[fixed.inside]
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / norm if norm else 0.0


def run_match(
    image: Path,
    *,
    mask: Path,
    transform: Path,
    row: MatchRow,
    extract: Path,
    views: list[Path],
    template_head: Path,
    template_labels: Path,
    blend: Path,
    out: Path,
    settings: MatchSettings,
) -> None:
    """Match MR to an aligned ultrasound and write its slices, at the places of the ultrasound's.

    A 2D plane gets the MR of its level in the shape of the atlas: a single plane does not show how
    the head is deformed across it.

    Args:
        image: aligned ultrasound.
        mask: mask of the cropped image.
        transform: image -> atlas.
        row: columns of the manifest.
        extract: slice file of the same volume; the new one has its planes and indices.
        views: ultrasound of the atlas from each side.
        template_head: mask of its head.
        template_labels: its tissues.
        blend: MR in the shape of the atlas, written by `blend`.
        out: ``.h5`` to write; beside it the picture ``.png`` of the scan, with outlines of the
            deformed tissues and the name of the side chosen.
        settings: section ``match``.
    """
    scan = slices.read(extract)
    us, head, _ = read_aligned(image, mask, transform, plane=bool(row.plane))
    atlas = AtlasImages(
        [volume.read(path) for path in views],
        volume.read_mask(template_head),
        volume.read_labels(template_labels, tuple(Tissue)),
        volume.read(blend),
    )
    name = scan.header.volume
    if row.plane:
        mr, labels = atlas.mr, atlas.labels[:, :, int(scan.index[0])]
        caption = f"{name}: one plane, the template is not deformed"
    else:
        matched = match(us, head, atlas, settings)
        mr, labels = matched.mr, matched.labels
        side = views[matched.view].name.partition(".")[0]
        caption = (
            f"{name}: the template as seen from the side '{side}' deformed to the scan,"
            f" {matched.moved_mm:.1f} mm on average"
        )
    mr_slices = cut(sitk.GetArrayFromImage(mr), scan.plane, scan.index)
    slices.write(
        Slices(
            header=replace(scan.header, modality="mr", low=0.0, high=1.0),
            image=(mr_slices * scan.head).astype(np.float16),
            plane=scan.plane,
            index=scan.index,
            head=scan.head,
        ),
        out,
    )
    panels = picture.panels(sitk.GetArrayFromImage(us), sitk.GetArrayFromImage(labels))
    picture.write(picture.draw(panels, caption), out.with_suffix(".png"))
    logger.info("%s; MR of %d slices", caption, len(scan))
