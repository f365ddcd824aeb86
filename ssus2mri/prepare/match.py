"""An aligned ultrasound in, what training MR would look like in that very head out.

Not in the source, which brings all scans to one space and then draws both modalities without regard
to it. The atlas is known as ultrasound and as MR: its ultrasound is deformed to the scan, and the
training MR goes along. What comes out is nobody's MR. It errs where the deformation does, and knows
nothing that the training MR does not show.
"""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri import slices
from ssus2mri.config.prepare import MatchSettings
from ssus2mri.deform import carry
from ssus2mri.formats import read_any
from ssus2mri.prepare import contrast
from ssus2mri.prepare.extract import aligned, cut
from ssus2mri.slices import Slices

logger = logging.getLogger(__name__)


def match(
    us: sitk.Image,
    head: sitk.Image,
    *,
    template: sitk.Image,
    template_head: sitk.Image,
    blend: sitk.Image,
    settings: MatchSettings,
) -> sitk.Image:
    """Deform the atlas onto a head, and MR in the atlas's shape with it.

    Args:
        us: aligned 3D ultrasound.
        head: its mask, on the same grid.
        template: ultrasound of the atlas.
        template_head: its mask.
        blend: MR in the shape of the atlas.
        settings: section ``match``.

    Returns:
        The MR in the shape of this head, float32 on the grid of ``us``, 0 outside the head. Where
        no deformation is found it stays in the shape of the atlas.
    """
    fixed, moving = (
        contrast.features(image, mask, settings.spacing_mm, modality="us", settings=settings)
        for image, mask in ((us, head), (template, template_head))
    )
    found = {"fixed": fixed.image(), "moving": moving.image(), "mask": fixed.mask()}
    return sitk.Mask(carry(blend, like=us, **found, settings=settings), head)


def run_match(
    image: Path,
    *,
    mask: Path,
    transform: Path,
    plane: str,
    extract: Path,
    template: Path,
    template_head: Path,
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
        template: ultrasound of the atlas.
        template_head: mask of its head.
        blend: MR in the shape of the atlas, written by `blend`.
        out: ``.h5`` to write.
        settings: section ``match``.
    """
    known, mr = slices.read(extract), read_any(blend)
    if not plane:
        us, head, _ = aligned(image, mask, transform, plane=False)
        mr = match(
            us,
            head,
            template=read_any(template),
            template_head=read_any(template_head),
            blend=mr,
            settings=settings,
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
    logger.info("%s: MR matched to %d slices", known.header.volume, len(known))
