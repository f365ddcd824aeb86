"""The picture for checking an alignment."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_align import SIZE, labelled_head

from ssus2mri.prepare import picture
from ssus2mri.tissues import Tissue


def test_picture_shows_the_image_and_the_outlines_where_they_are():
    tissues = np.zeros((60, 40), int)
    tissues[20:40, 10:30] = Tissue.WHITE_MATTER
    image = np.where(tissues > 0, 5.0, 1.0)
    image[0] = 0
    page = np.array(picture.draw([picture.Panel("plane", image, tissues, "AP")], "us-1: good"))
    skull = (page == (0x40, 0xC8, 0xFF)).all(axis=2)  # the outline of the brain is drawn last
    rows, columns = np.nonzero(skull[picture.TOP_PX : picture.TOP_PX + picture.PANEL_PX])
    middle = page.shape[1] // 2
    assert [rows.min(), rows.max()] == pytest.approx([100, 199], abs=2)
    assert [columns.min() - middle, columns.max() - middle] == pytest.approx([-50, 49], abs=2)
    centre = page[picture.TOP_PX + 150, middle]
    assert centre.tolist() == [255, 255, 255]


def test_picture_is_upright():
    labels = sitk.GetArrayFromImage(labelled_head())
    axial, coronal, sagittal = picture.panels(labels.astype(float), labels)
    assert (axial.sides, coronal.sides, sagittal.sides) == ("APRL", "SIRL", "SIAP")
    rows, columns = np.nonzero(sagittal.labels == Tissue.CEREBELLUM)
    assert rows.mean() > SIZE / 2  # inferior is down
    assert columns.mean() > SIZE / 2  # posterior is right


@pytest.mark.parametrize("count", [1, 3])
def test_legend_is_within_the_page(count):
    panel = picture.Panel("plane", np.ones((60, 40)), np.zeros((60, 40), int), "AP")
    page = np.array(picture.draw([panel] * count, "us-1: good"))
    written = np.nonzero((page[-picture.BOTTOM_PX :] < 200).any(axis=(0, 2)))[0]

    assert written.min() >= picture.GAP_PX
    assert written.max() < page.shape[1] - picture.GAP_PX
