"""An image in memory is refused for what it would be refused for in a file."""

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import blob_volume

import ssus2mri
from ssus2mri.errors import InputError, RefusalError
from ssus2mri.images import memory


def grey() -> sitk.Image:
    return sitk.Cast(blob_volume(), sitk.sitkFloat32)


def with_value(value: float) -> sitk.Image:
    image = grey()
    image[2, 3, 4] = value
    return image


def of_spacing(*spacing: float) -> sitk.Image:
    image = blob_volume()
    image.SetSpacing(spacing)
    return image


WRONG = {
    "path": (lambda: "scan.nii.gz", "found str"),
    "array": (lambda: np.zeros((30, 30, 30)), "found ndarray"),
    "colour": (lambda: sitk.Compose(grey(), grey(), grey()), "3 x vector"),
    "complex": (lambda: sitk.RealAndImaginaryToComplex(grey(), grey()), "1 x complex"),
    "time points": (lambda: sitk.JoinSeries([grey(), grey()]), "found 4D"),
    "nan": (lambda: with_value(np.nan), "finite voxels; found 1 NaN"),
    "infinite": (lambda: with_value(np.inf), "finite voxels; found 1 NaN"),
    "constant": (lambda: grey() * 0 + 5, "the same value 5 everywhere"),
    "micrometres": (lambda: of_spacing(500.0, 500.0, 500.0), "a voxel spacing of 0.02 to 20 mm"),
    "one slice": (lambda: blob_volume()[:, :, 10:11], "at least 10 mm along every axis"),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_is_no_scan_is_refused_and_named(how: str) -> None:
    make, message = WRONG[how]
    with pytest.raises(InputError, match=message) as caught:
        ssus2mri.predict(make(), ga_weeks=23.0)
    assert str(caught.value).startswith("image: ")
    assert not isinstance(caught.value, RefusalError)


@pytest.mark.parametrize("age", [float("nan"), float("inf"), -5, 0, 5, 161, "23", None, True])
def test_an_age_that_no_scan_has(age: object) -> None:
    with pytest.raises(InputError, match=r"ga_weeks: expected a number of weeks, 10 to 45"):
        ssus2mri.predict(blob_volume(), ga_weeks=age)


def test_a_scan_becomes_float_and_stays_in_its_place() -> None:
    image = sitk.Cast(blob_volume(origin=(3.0, 4.0, 5.0)), sitk.sitkInt16)
    result = memory.held_scan(image)
    assert result.GetPixelID() == sitk.sitkFloat32
    assert result.GetOrigin() == (3.0, 4.0, 5.0)
    assert np.array_equal(sitk.GetArrayFromImage(result), sitk.GetArrayFromImage(image))


def test_a_mask_of_another_grid_is_refused() -> None:
    image = blob_volume()
    moved = image > 1
    moved.SetOrigin((7.0, 0.0, 0.0))
    for wrong in (moved, (image > 1)[1:], "mask.nii.gz"):
        with pytest.raises(InputError, match=r"^mask: expected"):
            memory.held_mask(wrong, image)


@pytest.mark.parametrize("inside", [1, 255, 0.5])
def test_every_value_above_0_is_inside(inside: float) -> None:
    image = blob_volume()
    drawn = sitk.Cast(image > 1, sitk.sitkFloat32) * inside
    result = memory.held_mask(drawn, image)
    assert result.GetPixelID() == sitk.sitkUInt8
    expected = sitk.GetArrayFromImage(image) > 1
    assert np.array_equal(sitk.GetArrayFromImage(result), expected)
