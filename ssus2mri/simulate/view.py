"""The atlas's ultrasound as seen by a probe on one side of the head, which `match` deforms.

`template` makes an ultrasound that favours no side, to align by. A scan favours one: the skull's
echo lies where the beam meets bone, and one hemisphere is hidden.
"""

import logging
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ssus2mri.config.prepare import AtlasSettings, ViewSettings
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.simulate import ultrasound
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.cohort import anatomy_of
from ssus2mri.simulate.pose import Points, Pose, generator, lattice, world_of
from ssus2mri.simulate.surroundings import surround

logger = logging.getLogger(__name__)


def view(
    side: str,
    anatomy: Anatomy,
    atlas: AtlasSettings,
    settings: SimulateSettings,
    *,
    scans: int,
) -> sitk.Image:
    """Average scans of the atlas's head from one side: what is to be expected of such a scan.

    Speckle, and what surrounds the head, differ from scan to scan: most of it is averaged out.

    Args:
        side: where the probe stands, a key of ``simulate.ultrasound.probe.sides``.
        anatomy: undeformed head.
        atlas: grid, centred on the head's centre.
        settings: surroundings of the head, ultrasound.
        scans: how many are simulated.

    Returns:
        uint8 on the grid of `template`.
    """
    probe = settings.ultrasound.probe
    one_side = {"sides": {name: float(name == side) for name in probe.sides}}
    sound = settings.ultrasound.model_copy(update={"probe": probe.model_copy(update=one_side)})
    centre = anatomy.centre_mm.astype(np.float32)
    world = world_of(geometry.grid(atlas.size, atlas.spacing_mm, (0.0, 0.0, 0.0)))
    shape = (atlas.size,) * 3

    def to_canonical(points: Points) -> Points:
        return points + centre.reshape(3, *[1] * (points.ndim - 1))

    total = np.zeros(shape, np.float32)
    for number in range(scans):
        rng = generator(settings.seed, "template", side, str(number))
        total += ultrasound.random_scan(
            surround(anatomy, rng, settings.anatomy),
            Pose(np.eye(3), np.zeros(3)),
            to_canonical,
            lambda: lattice(world, shape),
            sound,
            spacing_mm=atlas.spacing_mm,
            rng=rng,
        )
    x, y, z = anatomy.centre_mm.tolist()
    grid = geometry.grid(atlas.size, atlas.spacing_mm, (x, y, z))
    return geometry.from_array(np.rint(total / scans).astype(np.uint8), grid)


def run_view(
    side: str,
    atlas: AtlasSettings,
    simulate: SimulateSettings,
    *,
    labels: Path | None,
    out: Path,
    settings: ViewSettings,
) -> None:
    """Make the view from a side and write it.

    Args:
        side: where the probe stands.
        atlas: section ``atlas``: grid, and age of the built-in anatomy.
        simulate: section ``simulate``.
        labels: label atlas instead of the built-in anatomy.
        out: ``.nii.gz`` to write.
        settings: section ``view``.

    Raises:
        InputError: there is no such side, or the label atlas cannot be used.
    """
    sides = simulate.ultrasound.probe.sides
    if side not in sides:
        raise InputError(
            "side of the probe",
            expected=f"one of {list(sides)}",
            found=side,
            do="Give one of them.",
        )
    anatomy = anatomy_of(atlas.ga_weeks, labels, simulate)
    volume.write(view(side, anatomy, atlas, simulate, scans=settings.scans), out)
    logger.info("mean of %d scans of the atlas from the side: %s", settings.scans, side)
