"""Sizes of segmented brains, on boxes of known size and on the built-in head."""

import numpy as np
import pytest
from conftest import configured

from ssus2mri.config.evaluate import SegmentSettings
from ssus2mri.config.pathology import Ventriculomegaly
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.evaluate.sizes import SIZES, sizes_mm
from ssus2mri.segment.classes import class_of
from ssus2mri.simulate import biometry
from ssus2mri.simulate.anatomy import built_in
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.tissues import Tissue

SPACING = 0.8
ATRIUM = configured(SegmentSettings, "segment").atrium


def boxes():
    """A brain 100 voxels wide, its cerebellum 40; ventricles of two atria, 10 wide."""
    classes = np.zeros((60, 120, 120), np.uint8)
    classes[5:55, 10:110, 10:110] = Tissue.WHITE_MATTER
    classes[28:32, 48:52, 50:70] = Tissue.DEEP_GREY
    classes[8:16, 80:100, 40:80] = Tissue.CEREBELLUM
    for left in (30, 80):
        classes[28:34, 52:100, left : left + 10] = Tissue.VENTRICLES
    return classes


def test_known_sizes():
    sizes = sizes_mm(boxes(), SPACING, ATRIUM)

    assert tuple(sizes) == SIZES
    assert sizes["biparietal"] == pytest.approx(100 * SPACING)
    assert sizes["transcerebellar"] == pytest.approx(40 * SPACING)
    assert sizes["atrium"] == pytest.approx(10 * SPACING, abs=0.4)


def test_specks_of_a_wrong_segmentation_do_not_count():
    classes = boxes()
    classes[10, 20, 12] = Tissue.CEREBELLUM

    assert sizes_mm(classes, SPACING, ATRIUM) == sizes_mm(boxes(), SPACING, ATRIUM)


def test_absent_tissues_have_no_size():
    classes = boxes()
    without = np.where(classes == Tissue.CEREBELLUM, Tissue.BACKGROUND, classes)
    assert np.isnan(sizes_mm(without, SPACING, ATRIUM)["transcerebellar"])
    closed = np.where(classes == Tissue.VENTRICLES, Tissue.WHITE_MATTER, classes)
    assert sizes_mm(closed, SPACING, ATRIUM)["atrium"] == 0
    assert np.isnan(list(sizes_mm(classes * 0, SPACING, ATRIUM).values())).all()


def test_follow_those_of_the_simulator():
    settings = configured(SimulateSettings, "simulate").anatomy
    head = built_in(23.0, settings)
    widths = []
    for wanted in (0.0, 12.0, 16.0):
        wide = head
        if wanted:
            pathology = Ventriculomegaly(kind="ventriculomegaly", atrium_mm=wanted, reach_mm=6.0)
            wide = add_pathology(head, pathology)
        sizes = sizes_mm(class_of(wide.array), settings.spacing_mm, ATRIUM)
        widths.append(sizes["atrium"])
        expected = float(np.mean(biometry.atria_mm(wide)))
        print(wanted, sizes["atrium"], expected)
        assert sizes["atrium"] == pytest.approx(expected, abs=2.0)
    assert np.diff(widths).min() > 2
    assert sizes["transcerebellar"] == pytest.approx(biometry.transcerebellar_mm(head), abs=0.1)
    assert 0 < biometry.biparietal_mm(head) - sizes["biparietal"] < 6
