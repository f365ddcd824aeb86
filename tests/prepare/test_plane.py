"""A turned, shifted and scaled plane comes back upright, and at its level."""

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import configured
from scipy.ndimage import gaussian_filter

from ssus2mri.config.prepare import AlignSettings, PlaneSettings
from ssus2mri.images import geometry
from ssus2mri.prepare.plane import align_plane, axial_grid, thalamic_level
from ssus2mri.tissues import Tissue

SETTINGS = configured(AlignSettings, "align").plane
SIZE, SPACING_MM, LEVEL = 64, 1.5, 30


def template() -> tuple[sitk.Image, sitk.Image]:
    """A head with thalami at one level, and two bright bodies that lie posterior."""
    grid = geometry.grid(SIZE, SPACING_MM, (5.0, -3.0, 12.0))
    z, y, x = (np.indices((SIZE,) * 3) - (SIZE - 1) / 2) * SPACING_MM
    radius = np.sqrt((x / 29) ** 2 + (y / 37) ** 2 + (z / 32) ** 2)
    labels = np.where(radius < 1, int(Tissue.SKULL), 0)
    labels[radius < 0.93] = Tissue.WHITE_MATTER
    up = z - (LEVEL - (SIZE - 1) / 2) * SPACING_MM
    labels[(np.abs(x) - 7) ** 2 + y**2 + up**2 < 49] = Tissue.DEEP_GREY
    labels[(np.abs(x) - 11) ** 2 + (y - 16) ** 2 + up**2 < 36] = Tissue.CHOROID_PLEXUS
    echo = np.zeros(16)
    echo[[Tissue.SKULL, Tissue.WHITE_MATTER, Tissue.DEEP_GREY, Tissue.CHOROID_PLEXUS]] = [
        200,
        60,
        30,
        130,
    ]
    us = gaussian_filter(echo[labels], 0.7).astype(np.float32)
    return geometry.from_array(us, grid), geometry.from_array(labels.astype(np.uint8), grid)


def scan(
    us: sitk.Image, labels: sitk.Image, degrees: float, scale: float
) -> tuple[sitk.Image, sitk.Image, sitk.Similarity2DTransform]:
    """The template's thalamic plane as a scanner shows it, its mask, and image -> atlas."""
    like = axial_grid(us)
    truth = sitk.Similarity2DTransform()
    truth.SetAngle(np.deg2rad(degrees))
    truth.SetScale(scale)
    picture = sitk.Image((320, 260), sitk.sitkFloat32)
    picture.SetSpacing((0.4, 0.4))
    middle = np.array([70.0, 48.0])
    truth.SetCenter(middle.tolist())
    truth.SetTranslation(([5.0, -3.0] - middle).tolist())
    arrays = [sitk.GetArrayFromImage(us)[LEVEL], sitk.GetArrayFromImage(labels)[LEVEL] > 0]
    images = [geometry.from_array(a.astype(np.float32), like) for a in arrays]
    seen = sitk.Resample(images[0], picture, truth, sitk.sitkLinear)
    mask = sitk.Resample(images[1], picture, truth, sitk.sitkLinear) > 0.5
    return seen, mask, truth


def settings(scale_to: str) -> PlaneSettings:
    return SETTINGS.model_copy(update={"scale_to": scale_to})


@pytest.mark.parametrize("degrees", [90.0, -90.0, 12.0, 170.0])
def test_comes_back_upright(degrees: float) -> None:
    us, labels = template()
    image, mask, truth = scan(us, labels, degrees, 1.1)
    transform, quality = align_plane(
        image, mask, us, labels, ga_weeks=23.0, settings=settings("template")
    )
    off = np.rad2deg(transform.GetAngle() - truth.GetAngle()) % 360
    assert min(off, 360 - off) < 2.0
    assert transform.GetScale() == pytest.approx(1.1, rel=0.02)
    for point in ([70.0, 48.0], [60.0, 40.0], [85.0, 60.0]):
        np.testing.assert_allclose(
            transform.TransformPoint(point), truth.TransformPoint(point), atol=1.0
        )
    assert abs(quality["index"] - LEVEL) <= 2
    assert quality["similarity"] > 0.9
    assert quality["orientation_margin"] > 0.2


def test_size_of_its_age() -> None:
    us, labels = template()
    image, mask, _ = scan(us, labels, 90.0, 1.0)
    scales = [
        align_plane(image, mask, us, labels, ga_weeks=ga, settings=settings("age"))[1]["scale"]
        for ga in (20.4296, 22.16)
    ]
    assert scales[1] / scales[0] == pytest.approx(200 / 180)  # Hadlock 1984, see test_crop


def test_level_of_the_thalami() -> None:
    _, labels = template()
    array = sitk.GetArrayFromImage(labels)
    assert thalamic_level(array) == LEVEL
    array[array == Tissue.DEEP_GREY] = Tissue.WHITE_MATTER
    assert abs(thalamic_level(array) - (SIZE - 1) / 2) <= 1  # then the widest part of the head
