"""Sizes of phantoms whose sizes are known, their intervals and places in the charts."""

import math

import numpy as np
import pytest
import SimpleITK as sitk

from ssus2mri.growth import ellipse_circumference
from ssus2mri.prediction.network import Calibration
from ssus2mri.prediction.sizes import judged, measure
from ssus2mri.simulate.growth_charts import CHARTS
from ssus2mri.tissues import Tissue

SIZES = {
    "cavum": (1.0, 0.0, 0.1),
    "biparietal": (1 / 1.1, 0.0, 0.05),
    "occipitofrontal": (1.0, -2.5, 0.1),
}
CALIBRATION = Calibration({}, {"volume": SIZES, "plane": {}}, {})


def plane(scale: float = 1.0) -> sitk.Image:
    """An axial slice: an ellipse of 80 x 60 mm with a cavum 5 mm wide, times a scale."""
    step = 0.25
    y, x = (np.indices((440, 440)) - 219.5) * step
    labels = np.where(np.hypot(y / 40, x / 30) < scale, Tissue.WHITE_MATTER, 0).astype(np.uint8)
    labels[(np.abs(x) < 2.5 * scale) & (np.abs(y + 10) < 4 * scale)] = Tissue.CAVUM
    image = sitk.GetImageFromArray(labels[None])
    image.SetSpacing((step, step, 1.0))
    return image


@pytest.mark.parametrize("scale", [1.0, 1.25])
def test_sizes_of_a_plane_are_in_the_scans_own_mm(scale):
    sizes = measure(plane(scale), scale)
    assert sizes["head_circumference"] == pytest.approx(ellipse_circumference(80, 60), rel=0.01)
    assert sizes["biparietal"] == pytest.approx(60, rel=0.01)
    assert sizes["occipitofrontal"] == pytest.approx(80, rel=0.01)
    assert sizes["cavum"] == pytest.approx(5, abs=0.3)
    assert "transcerebellar" not in sizes
    assert "atrium" not in sizes


def test_specks_are_no_structures():
    labels = sitk.GetArrayFromImage(plane())
    labels[0, 300, 300:320] = Tissue.CAVUM  # a speck aside
    labels[0, 5:9, 5:9] = Tissue.SKULL  # and one away from the head
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(plane())
    for name, mm in measure(image, 1.0).items():
        assert mm == pytest.approx(measure(plane(), 1.0)[name], rel=0.01)


def test_nothing_has_no_sizes():
    assert measure(sitk.Image(8, 8, 8, sitk.sitkUInt8), 1.0) == {}


def test_the_known_bias_is_taken_out_and_the_interval_is_around_what_is_left():
    seen = {"biparietal": 66.0, "cavum": 5.0, "occipitofrontal": 82.5}
    sizes = judged(seen, CALIBRATION, kind="volume", ga_weeks=24.0, interval=0.9)
    assert sizes["biparietal"].mm == pytest.approx(60.0)
    assert sizes["occipitofrontal"].mm == pytest.approx(80.0)
    assert sizes["cavum"].low_mm == pytest.approx(5 * math.exp(-1.645 * 0.1), rel=1e-3)
    assert sizes["cavum"].high_mm == pytest.approx(5 * math.exp(1.645 * 0.1), rel=1e-3)


def test_place_in_the_charts():
    chart = CHARTS["cavum"]
    mm = chart.mean(24.0) + 1.2816 * chart.sd(24.0)
    size = judged({"cavum": mm}, CALIBRATION, kind="volume", ga_weeks=24.0, interval=0.9)["cavum"]
    assert size.z == pytest.approx(1.2816)
    assert size.percentile == pytest.approx(90, abs=0.1)


def test_nothing_is_left_of_a_size_below_its_bias():
    narrow = {"occipitofrontal": 2.0}
    assert judged(narrow, CALIBRATION, kind="volume", ga_weeks=24.0, interval=0.9) == {}


def test_a_size_without_a_measured_error_is_not_given():
    assert judged({"atrium": 7.0}, CALIBRATION, kind="volume", ga_weeks=24.0, interval=0.9) == {}
    assert judged({"cavum": 5.0}, CALIBRATION, kind="plane", ga_weeks=24.0, interval=0.9) == {}


def test_a_cerebellum_that_was_not_found_has_no_diameter():
    calibration = Calibration({}, {"volume": {"transcerebellar": (1.0, 0.0, 0.1)}}, {})
    mean_mm = CHARTS["transcerebellar"].mean(24.0)
    for share, names in ((0.3, set()), (0.8, {"transcerebellar"})):
        sizes = {"transcerebellar": share * mean_mm}
        assert set(judged(sizes, calibration, kind="volume", ga_weeks=24.0, interval=0.9)) == names
