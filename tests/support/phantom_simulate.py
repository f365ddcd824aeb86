"""Small settings and a small label atlas for the tests of the simulator."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from conftest import configured

from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.atlas import from_labels


def small_settings(size: int = 48) -> SimulateSettings:
    """The configured simulation on a coarse grid of 96 mm."""
    full = configured(SimulateSettings, "simulate")
    anatomy = full.anatomy.model_copy(update={"spacing_mm": 1.0})
    return full.model_copy(update={"size": size, "spacing_mm": 96 / size, "anatomy": anatomy})


def label_atlas(path: Path) -> None:
    """Nested ellipsoids as a label atlas, centred off the world's origin, axes x and y reversed."""
    image = sitk.Image(62, 76, 64, sitk.sitkUInt8)
    image.SetDirection([-1, 0, 0, 0, -1, 0, 0, 0, 1])
    image.SetOrigin([33.0, 34.0, -21.0])
    z, y, x = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in (64, 76, 62)], indexing="ij")
    labels = np.zeros(z.shape, np.uint8)
    for label, radii in ((4, (25, 32, 24)), (5, (22, 29, 21)), (1, (20, 27, 19)), (6, (9, 11, 8))):
        labels[(x / radii[0]) ** 2 + (y / radii[1]) ** 2 + (z / radii[2]) ** 2 < 1] = label
    for side in (-8.3, 8.2):
        horn = ((x - side + side * y / 80) / 3.5) ** 2 + (y / 22) ** 2 + ((z - 8) / 4) ** 2 < 1
        labels[horn] = 2
    labels[(np.abs(x) < 3.5) & (labels == 1)] = 5
    labels[(np.abs(x) < 1.5) & (labels == 5)] = 4
    # Array y grows towards the front here.
    labels[(np.abs(x) < 3) & (y > 4) & (y < 14) & (z > 4) & (z < 9)] = 2
    labels[(np.abs(x) < 7) & (y > -6) & (y < 16) & (z > 9) & (z < 12)] = 8
    for label, radii in ((4, (15, 13, 9)), (3, (12, 6, 6))):
        labels[
            (x / radii[0]) ** 2 + ((y + 16) / radii[1]) ** 2 + ((z + 14) / radii[2]) ** 2 < 1
        ] = label
    labels[(x**2 + (y + 7) ** 2 < 9) & (z < -6) & (z > -22)] = 7
    filled = sitk.GetImageFromArray(labels)
    filled.CopyInformation(image)
    sitk.WriteImage(filled, str(path))


@cache
def label_anatomy() -> Anatomy:
    """The head around `label_atlas`, with the small settings."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.nii.gz"
        label_atlas(path)
        return from_labels(path, small_settings().anatomy)
