"""The built-in head against published growth, measured on its labels."""

from functools import cache

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_head import head

from ssus2mri.growth import ellipse_circumference, head_circumference_mm
from ssus2mri.simulate import biometry
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.growth_charts import CHARTS
from ssus2mri.tissues import Tissue

WEEKS = (18, 20, 22, 24, 26, 28, 30)


@cache
def folding(ga_weeks: float) -> float:
    return biometry.gyrification(head(ga_weeks))


# Rows of the published centile tables, not of the equations: a slip in a coefficient would show.
@pytest.mark.parametrize(
    ("name", "ga_weeks", "median", "z", "value"),
    [
        ("head_circumference", 20, 172.5, -2, 157.6),
        ("head_circumference", 30, 278.4, 2, 296.9),
        ("biparietal", 20, 48.4, 2, 53.0),
        ("biparietal", 30, 78.9, 2, 85.1),
        ("occipitofrontal", 20, 60.7, -2, 55.1),
        ("occipitofrontal", 30, 98.0, 2, 105.8),
        ("transcerebellar", 18, 17.86, 1.881, 19.30),
        ("transcerebellar", 30, 36.68, -1.881, 33.25),
        ("atrium", 20, 6.31, 1.881, 8.86),
        ("atrium", 30, 5.71, 1.881, 8.91),
        ("sylvian_fissure", 20, 5.85, 1.881, 8.51),
        ("sylvian_fissure", 30, 12.09, -1.881, 8.49),
        ("cavum", 28, 6.0, 1.645, 7.0),
    ],
)
def test_charts_are_those_of_the_tables(name, ga_weeks, median, z, value):
    chart = CHARTS[name]
    assert chart.mean(ga_weeks) == pytest.approx(median, abs=0.06)
    assert chart.mean(ga_weeks) + z * chart.sd(ga_weeks) == pytest.approx(value, abs=0.12)


def test_cisterna_magna_is_log_normal():
    # Table, 24 weeks: median 5.37, third centile 3.39, 1.881 deviations of the logarithm apart.
    chart = CHARTS["cisterna_magna"]
    assert chart.mean(24) == pytest.approx(5.37, abs=0.01)
    lower = 5.37 * (3.39 / 5.37) ** (1 / 1.881)
    assert chart.mean(24) - chart.sd(24) == pytest.approx(lower, abs=0.01)


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_built_in_head_is_within_one_standard_deviation(ga_weeks, name):
    measured = biometry.measure(head(ga_weeks))[name]
    chart = CHARTS[name]
    assert abs(measured - chart.mean(ga_weeks)) <= chart.sd(ga_weeks)


@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_built_in_head_agrees_with_the_growth_that_crop_expects(ga_weeks):
    measured = biometry.head_circumference_mm(head(ga_weeks))
    assert measured == pytest.approx(head_circumference_mm(ga_weeks), rel=0.02)


def test_structures_grow_at_their_own_rates():
    young, old = (biometry.measure(head(ga_weeks)) for ga_weeks in (20, 28))
    grown = {name: old[name] / young[name] for name in young}
    assert (old["transcerebellar"] - young["transcerebellar"]) / 8 == pytest.approx(1.5, abs=0.3)
    assert grown["transcerebellar"] > grown["head_circumference"] > grown["atrium"]
    assert grown["atrium"] == pytest.approx(1, abs=0.15)


@pytest.mark.slow
def test_sulci_come_with_age():
    assert folding(18) < 1.1
    assert folding(20) == pytest.approx(folding(18), abs=0.03)
    assert 1.05 < folding(24) < folding(26) - 0.02 < folding(30) - 0.2
    assert 1.3 < folding(30) < 1.7


def test_sylvian_fissure_closes_with_age():
    def open_to_the_side(ga_weeks: float) -> float:
        """Share of rays from the lentiform nucleus to the side that meet the insula only."""
        labels = head(ga_weeks).array
        side = labels[:, :, labels.shape[2] // 2 :]
        deep = side == Tissue.DEEP_GREY
        level = round(float(np.nonzero(deep)[0].mean()))
        rows = np.nonzero(deep[level].any(axis=1))[0]
        wall = int(np.nonzero(deep.any(axis=(0, 1)))[0].max()) + 1
        part = side[level - 6 : level + 7, rows[0] : rows[-1], wall:]
        changes = np.diff((part == Tissue.CORTEX).astype(int), axis=2)
        return float(((changes == 1).sum(axis=2) <= 1).mean())

    depths = [biometry.sylvian_fissure_mm(head(ga_weeks)) for ga_weeks in (18, 22, 26, 30)]
    assert np.all(np.diff(depths) > 1)
    assert open_to_the_side(20) > 0.8 > 0.5 > open_to_the_side(30)


def phantom() -> Anatomy:
    """Boxes of known size in a ball-less head, 1 x 1 x 0.5 mm."""
    labels = np.zeros((60, 90, 71), np.uint8)
    labels[5:55, 5:85, 5:66] = Tissue.SKULL
    labels[9:51, 7:83, 7:64] = Tissue.EXTRA_AXIAL_CSF
    labels[29:33, 40:50, 30:41] = Tissue.DEEP_GREY
    labels[36:40, 20:30, 33:38] = Tissue.CAVUM
    labels[15:25, 66:76, 25:46] = Tissue.CEREBELLUM
    for low in (18, 46):
        labels[35:41, 55:75, low : low + 7] = Tissue.VENTRICLES
        labels[36:40, 58:70, low + 2 : low + 5] = Tissue.CHOROID_PLEXUS
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing([1.0, 1.0, 0.5])
    return Anatomy(image, np.zeros(3))


def test_measures_of_boxes():
    anatomy = phantom()
    measured = biometry.measure(anatomy)
    assert measured["biparietal"] == 61
    assert measured["occipitofrontal"] == 80
    assert measured["head_circumference"] == pytest.approx(ellipse_circumference(80, 61))
    assert measured["transcerebellar"] == 21
    assert measured["cavum"] == 5
    assert biometry.atria_mm(anatomy) == pytest.approx((7, 7), abs=0.2)
    # From behind the cerebellum at y = 75.5 to the bone at 82.5, along the line's slope:
    # from the cavum (24.5, z 18.75 mm) to the cerebellum (70.5, z 9.75 mm).
    slope = np.hypot(46, 9) / 46
    assert measured["cisterna_magna"] == pytest.approx(7 * slope, abs=0.25)
    assert biometry.volumes_ml(anatomy)["cavum"] == pytest.approx(0.1)


def test_what_is_absent_is_not_a_number():
    anatomy = phantom()
    bare = sitk.GetArrayFromImage(anatomy.labels)
    bare[np.isin(bare, (Tissue.CAVUM, Tissue.CEREBELLUM, Tissue.CHOROID_PLEXUS))] = 1
    image = sitk.GetImageFromArray(bare)
    image.SetSpacing([1.0, 1.0, 0.5])
    measured = biometry.measure(Anatomy(image, np.zeros(3)))
    for name in ("cavum", "transcerebellar", "cisterna_magna", "atrium", "sylvian_fissure"):
        assert np.isnan(measured[name])
    assert measured["biparietal"] == 61


def test_a_smooth_ball_has_no_folds():
    z, y, x = np.meshgrid(*[np.arange(-30, 31)] * 3, indexing="ij")
    labels = np.zeros(z.shape, np.uint8)
    labels[x**2 + y**2 + z**2 < 25**2] = Tissue.CORTEX
    labels[x**2 + y**2 + z**2 < 5**2] = Tissue.DEEP_GREY
    smooth = Anatomy(sitk.GetImageFromArray(labels), np.zeros(3))
    assert biometry.gyrification(smooth) == pytest.approx(1, abs=0.02)
    labels[(np.abs(x - 10) < 2) & (labels == Tissue.CORTEX)] = 0
    cut = Anatomy(sitk.GetImageFromArray(labels), np.zeros(3))
    assert biometry.gyrification(cut) > 1.3
