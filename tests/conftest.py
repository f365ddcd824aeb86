"""Phantoms made in code, shared by the tests."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

ROOT = Path(__file__).parent.parent

# An oblique, anisotropic geometry: whatever assumes identity anywhere fails on it.
OBLIQUE = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, -0.1, 0.3).GetMatrix()


def blob_volume(
    size: tuple[int, int, int] = (24, 28, 20),
    *,
    spacing: tuple[float, float, float] = (1.0, 1.2, 1.5),
    origin: tuple[float, float, float] = (-11.0, 7.0, 23.0),
    direction: tuple[float, ...] = OBLIQUE,
    landmark: tuple[int, int, int] = (15, 9, 12),
) -> sitk.Image:
    """A 16-bit oblique volume, smooth, with one bright voxel (x, y, z) as landmark."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    array = (1000 * np.exp(-2 * (x**2 + y**2 + z**2))).transpose(2, 1, 0).astype(np.int16)
    array[landmark[::-1]] = 4000
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction)
    return image


def brightest_point(image: sitk.Image) -> np.ndarray:
    """World coordinates (LPS, mm) of the brightest voxel."""
    array = sitk.GetArrayViewFromImage(image)
    index = np.unravel_index(int(array.argmax()), array.shape)[::-1]
    return np.array(image.TransformIndexToPhysicalPoint([int(i) for i in index]))


@pytest.fixture
def oblique() -> sitk.Image:
    """A 16-bit oblique volume with a landmark."""
    return blob_volume()


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what the command line does to logging: its stream ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The smallest project after a whole run; see `phantom_failures`. Minutes."""
    from phantom_failures import whole_run

    return whole_run(tmp_path_factory.mktemp("left-alone"))


@pytest.fixture
def copied(undisturbed, tmp_path):
    """A copy of that project in a folder with a plain name, times and all."""
    shutil.copytree(undisturbed.folder, tmp_path / "copy")
    return undisturbed.at(tmp_path / "copy")
