"""Transforms map image points to atlas points, in files and in resampling."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import brightest_point

from ssus2mri.errors import InputError
from ssus2mri.images import geometry


def test_resampled_landmark_lies_where_the_transform_sends_it(oblique: sitk.Image) -> None:
    transform = sitk.Similarity3DTransform()
    transform.SetRotation((0.2, 1.0, 0.1), 0.4)
    transform.SetTranslation((5.0, -3.0, -20.0))
    transform.SetScale(1.1)
    expected = transform.TransformPoint(brightest_point(oblique).tolist())
    center = transform.TransformPoint(
        oblique.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in oblique.GetSize()])
    )
    moved = geometry.resample(oblique, geometry.grid(96, 0.6, center), transform)
    np.testing.assert_allclose(brightest_point(moved), expected, atol=1.0)


def test_grid_is_centred() -> None:
    grid = geometry.grid(32, 1.5, (1.0, 2.0, 3.0))
    middle = grid.TransformContinuousIndexToPhysicalPoint((15.5, 15.5, 15.5))
    np.testing.assert_allclose(middle, (1.0, 2.0, 3.0))


def test_transform_file_round_trip(tmp_path: Path) -> None:
    transform = sitk.Euler3DTransform((1.0, 2.0, 3.0), 0.1, 0.2, 0.3, (4.0, 5.0, 6.0))
    geometry.write_transform(transform, tmp_path / "pose.tfm")
    again = geometry.read_transform(tmp_path / "pose.tfm")
    np.testing.assert_allclose(again.TransformPoint((7, 8, 9)), transform.TransformPoint((7, 8, 9)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("not a transform", "expected an invertible linear"),
        (
            sitk.AffineTransform(np.diag([1.0, 1.0, 0.0]).ravel().tolist(), (0.0, 0.0, 0.0)),
            "singular",
        ),
        (sitk.Euler2DTransform(), "2D"),
    ],
)
def test_bad_transform(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "pose.tfm"
    if isinstance(content, str):
        path.write_text(content)
    elif content is not None:
        sitk.WriteTransform(content, str(path))
    with pytest.raises(InputError, match=message):
        geometry.read_transform(path)


def test_speckle_does_not_alias_onto_a_coarser_grid() -> None:
    noise = np.random.default_rng(0).normal(100, 10, (40, 40, 40)).astype(np.float32)
    image = geometry.from_array(noise, geometry.grid(40, 0.5, (0.0, 0.0, 0.0)))
    coarse = geometry.resample(
        image, geometry.grid(8, 2.0, (0.0, 0.0, 0.0)), sitk.Transform(3, sitk.sitkIdentity)
    )
    inner = sitk.GetArrayFromImage(coarse)
    assert abs(inner.mean() - 100) < 1
    assert inner.std() < 3  # averaged over about 4^3 voxels, not picked


def test_transform_that_lays_the_head_beside_the_atlas_is_refused(tmp_path: Path) -> None:
    geometry.require_overlap(tmp_path / "pose.tfm", 0.4)
    for overlap in (0.0, float("nan")):
        with pytest.raises(InputError, match="it may be the inverse"):
            geometry.require_overlap(tmp_path / "pose.tfm", overlap)
