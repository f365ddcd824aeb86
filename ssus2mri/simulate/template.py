"""The atlas: MR, ultrasound, labels and head on one grid, to which every scan is aligned."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import AtlasSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.simulate import mri, ultrasound
from ssus2mri.simulate.anatomy import Anatomy, head_mask
from ssus2mri.simulate.cohort import anatomy_of
from ssus2mri.simulate.pose import lattice, world_of
from ssus2mri.tissues import Tissue

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Template:
    """``mr`` float32, 0 outside the skull's inside; ``us`` uint8; ``labels``, ``head`` uint8."""

    mr: sitk.Image
    us: sitk.Image
    labels: sitk.Image
    head: sitk.Image


def template(
    anatomy: Anatomy, atlas: AtlasSettings, settings: SimulateSettings, *, image: sitk.Image | None
) -> Template:
    """Make the atlas of an anatomy, in the anatomy's own world.

    Args:
        anatomy: undeformed head; `ssus2mri.simulate.anatomy` states the rule of spaces.
        atlas: grid, centred on the head's centre.
        settings: contrast of MR and ultrasound.
        image: MR of the anatomy in the same world; None: simulated without noise or texture.
    """
    x, y, z = anatomy.centre_mm.tolist()
    grid = geometry.grid(atlas.size, atlas.spacing_mm, (x, y, z))
    points = lattice(world_of(grid), (atlas.size,) * 3)
    labels = anatomy.sample(anatomy.array, points, order=0, outside=Tissue.BACKGROUND)
    inside = mri.intracranial(labels)
    if image is None:
        mr = anatomy.sample(
            mri.contrast(anatomy, settings.mr, ga_weeks=atlas.ga_weeks, rng=None),
            points,
            order=1,
            outside=0.0,
        )
    else:
        mr = sitk.GetArrayFromImage(
            sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
        )
    us = anatomy.sample(
        ultrasound.idealised(anatomy, settings.ultrasound), points, order=1, outside=0.0
    )
    return Template(
        geometry.from_array(np.where(inside, mr, 0).astype(np.float32), grid),
        geometry.from_array(np.rint(us).astype(np.uint8), grid),
        geometry.from_array(labels, grid),
        geometry.from_array(head_mask(labels).astype(np.uint8), grid),
    )


def run_template(
    atlas: AtlasSettings,
    settings: SimulateSettings,
    *,
    out: Path,
    labels: Path | None,
    image: Path | None,
) -> None:
    """Make the atlas and write it.

    Args:
        atlas: section ``atlas``: grid, and age of the built-in anatomy.
        settings: section ``simulate``.
        out: folder; gets ``mr``, ``us``, ``labels`` and ``head``, each ``.nii.gz``.
        labels: label atlas instead of the built-in anatomy; the atlas is then in its world.
        image: its MR instead of a simulated one; only with ``labels``.

    Raises:
        InputError: a file cannot be used.
    """
    if image is not None and labels is None:
        raise InputError(
            str(image),
            expected="labels of the same atlas beside its image",
            found="none",
            do="Give `labels`, or neither for the built-in head.",
        )
    anatomy = anatomy_of(atlas.ga_weeks, labels, settings)
    images = template(
        anatomy, atlas, settings, image=volume.read(image) if image is not None else None
    )
    if not sitk.GetArrayViewFromImage(images.mr).any():
        raise InputError(
            str(image),
            expected=f"an MR in the world of {labels}",
            found="nothing where the labels lie",
            do="Give image and labels of one atlas.",
        )
    for name in ("us", "labels", "head", "mr"):
        volume.write(getattr(images, name), out / f"{name}.nii.gz")
    logger.info("template of %s", labels or f"the built-in head of {atlas.ga_weeks:g} weeks")
