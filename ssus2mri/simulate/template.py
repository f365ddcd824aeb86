"""The atlas: MR, ultrasound, labels and head on one grid, to which every scan is aligned."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri import geometry, volume
from ssus2mri.config.prepare import AtlasSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.errors import InputError
from ssus2mri.simulate import mri, ultrasound
from ssus2mri.simulate.anatomy import Anatomy, head_mask
from ssus2mri.simulate.cohort import anatomy_of
from ssus2mri.simulate.pose import Pose, generator, lattice, world_of
from ssus2mri.simulate.surroundings import surround
from ssus2mri.tissues import Tissue

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Template:
    """``mr`` float32, 0 outside the skull's inside; ``us`` uint8; ``labels``, ``head`` uint8.

    ``us`` favours no side; ``us_from`` is uint8 too, an image for each side that a probe stands on.
    """

    mr: sitk.Image
    us: sitk.Image
    us_from: dict[str, sitk.Image]
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

    Returns:
        The atlas.
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
        {
            side: geometry.from_array(seen_from(side, anatomy, atlas, settings), grid)
            for side in settings.ultrasound.probe.used_sides
        },
        geometry.from_array(labels, grid),
        geometry.from_array(head_mask(labels).astype(np.uint8), grid),
    )


def seen_from(
    side: str, anatomy: Anatomy, atlas: AtlasSettings, settings: SimulateSettings
) -> NDArray[np.uint8]:
    """Average scans of the atlas's head from one side: what is to be expected of such a scan.

    Where a skull's echo lies depends on the side of the skull from which the beam comes, and one
    hemisphere is hidden. Speckle differs from scan to scan, and is averaged out.

    Args:
        side: where the probe stands.
        anatomy: undeformed head.
        atlas: grid, number of scans.
        settings: surroundings of the head, ultrasound.

    Returns:
        uint8 ``[z, y, x]`` on the atlas's grid.
    """
    probe = settings.ultrasound.probe
    probe = probe.model_copy(update={"sides": {one: float(one == side) for one in probe.sides}})
    sound = settings.ultrasound.model_copy(update={"probe": probe})
    world = world_of(geometry.grid(atlas.size, atlas.spacing_mm, (0.0, 0.0, 0.0)))
    centre = anatomy.centre_mm.astype(np.float32)
    upright = Pose(np.eye(3), np.zeros(3))
    shape = (atlas.size,) * 3
    total = np.zeros(shape, np.float32)
    for number in range(atlas.scans):
        rng = generator(settings.seed, "template", side, str(number))
        total += ultrasound.random_scan(
            surround(anatomy, rng, settings.anatomy),
            upright,
            lambda points: points + centre.reshape(3, *[1] * (points.ndim - 1)),
            lambda: lattice(world, shape),
            sound,
            spacing_mm=atlas.spacing_mm,
            rng=rng,
        )
    return np.rint(total / atlas.scans).astype(np.uint8)


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
        out: folder; gets ``mr``, ``us``, ``labels``, ``head``, and ``us_{side}`` for each side of
            the probe in use, each ``.nii.gz``.
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
    made = template(
        anatomy, atlas, settings, image=volume.read(image) if image is not None else None
    )
    if not sitk.GetArrayViewFromImage(made.mr).any():
        raise InputError(
            str(image),
            expected=f"an MR in the world of {labels}",
            found="nothing where the labels lie",
            do="Give image and labels of one atlas.",
        )
    sides = {f"us_{side}": image for side, image in made.us_from.items()}
    plain = {name: getattr(made, name) for name in ("us", "labels", "head", "mr")}
    for name, known in (sides | plain).items():
        volume.write(known, out / f"{name}.nii.gz")
    logger.info("template of %s", labels or f"the built-in head of {atlas.ga_weeks:g} weeks")
