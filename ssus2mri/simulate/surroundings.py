"""The surroundings of a fetal head: amniotic fluid and the wall of the uterus."""

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from ssus2mri.config.simulate import AnatomySettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.mri import smooth_noise
from ssus2mri.simulate.pose import upsample
from ssus2mri.tissues import Tissue

_COARSE = 2


def surround(anatomy: Anatomy, rng: np.random.Generator, settings: AnatomySettings) -> Anatomy:
    """Lay amniotic fluid and the uterine wall around a head.

    The gap between them varies smoothly from place to place; where it would be negative the wall
    touches the head. A subject's mean gap is drawn too.

    Returns:
        The same head on a grid with the margin on every side, without background: what meets the
        old border (the neck) goes on to the new one. Beyond the grid is uterine wall.
    """
    margin = np.ceil(settings.margin_mm / anatomy.spacing_zyx).astype(int)
    labels = np.pad(anatomy.array, [(n, n) for n in margin.tolist()], mode="edge")
    outside = labels == Tissue.BACKGROUND
    coarse = outside[(slice(None, None, _COARSE),) * 3]
    spacing = anatomy.spacing_zyx * _COARSE
    away = ndimage.distance_transform_edt(coarse, spacing).astype(np.float32)
    noise = smooth_noise(rng, coarse.shape, settings.fluid_smoothness_mm, spacing)
    mean = settings.fluid_mm * np.exp(rng.normal(0, settings.fluid_variation))
    wall = away - np.float32(mean) * (1 + np.float32(settings.fluid_variation) * noise)
    # One value more than every other voxel, for the last of an even number.
    beyond = upsample(np.pad(wall, (0, 1), mode="edge")[None], labels.shape, (_COARSE,) * 3)[0]
    labels[outside] = np.where(beyond[outside] > 0, Tissue.UTERINE_WALL, Tissue.AMNIOTIC_FLUID)
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(anatomy.labels.GetSpacing())
    image.SetDirection(anatomy.labels.GetDirection())
    image.SetOrigin(
        anatomy.labels.TransformIndexToPhysicalPoint([-n for n in margin[::-1].tolist()])
    )
    return Anatomy(image, anatomy.centre_mm)
