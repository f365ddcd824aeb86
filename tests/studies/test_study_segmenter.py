"""Heads that the segmenter learns from: real MR in another pose, shape and contrast."""

import heads
import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import label_atlas, small_settings
from scipy import ndimage

from ssus2mri.tissues import Tissue

TISSUES = (Tissue.WHITE_MATTER, Tissue.VENTRICLES, Tissue.CORTEX, Tissue.DEEP_GREY)


def inner(labels, tissue):
    """Voxels of a tissue that are not at its border."""
    return ndimage.binary_erosion(labels == tissue, iterations=3)


def test_every_tissue_goes_the_same_share_of_the_way_to_its_contrast(monkeypatch):
    monkeypatch.setattr(heads, "EXPONENT", (1.0, 1.0))
    monkeypatch.setattr(heads, "TISSUE_STD", 0.0)
    settings = small_settings().mr
    labels = np.repeat(np.array(TISSUES, np.uint8), 10)[:, None, None] * np.ones((1, 20, 20), int)
    before = np.select([labels == k for k in TISSUES], [500.0, 600.0, 700.0, 450.0])
    after = heads.with_contrast(before, labels, settings, np.random.default_rng(0))

    share = []
    for tissue, grey in zip(TISSUES[1:], (600, 700, 450), strict=True):
        wanted = settings.intensity[tissue.name.lower()] / settings.intensity["white_matter"]
        reached = after[inner(labels, tissue)].mean() / 500
        share.append(np.log(reached / (grey / 500)) / np.log(wanted / (grey / 500)))
    assert after[inner(labels, Tissue.WHITE_MATTER)] == pytest.approx(500, rel=1e-3)
    assert share == pytest.approx([share[0]] * 3, rel=1e-2)
    assert 0 < share[0] < 1


def test_image_and_classes_of_real_mr_move_together(tmp_path, monkeypatch):
    monkeypatch.setattr(heads, "with_contrast", lambda image, *_: image)
    label_atlas(tmp_path / "labels.nii.gz")
    labels = sitk.ReadImage(str(tmp_path / "labels.nii.gz"))
    sitk.WriteImage(sitk.Cast(labels, sitk.sitkFloat32) * 100, str(tmp_path / "mr.nii.gz"))
    paths = tmp_path / "mr.nii.gz", tmp_path / "labels.nii.gz"
    settings = small_settings(size=96)
    image, classes = heads.real(*paths, settings, np.random.default_rng(1))

    assert ((image > 0) == (classes > 0)).all()
    for tissue in (Tissue.EXTRA_AXIAL_CSF, Tissue.DEEP_GREY):
        grey = np.percentile(image[inner(classes, tissue)], [5, 95])
        assert grey == pytest.approx(100 * tissue, rel=0.02)
    aside = np.argwhere(classes > 0).mean(axis=0) - (np.array(classes.shape) - 1) / 2
    assert 0.5 < np.linalg.norm(aside) < settings.mr.shift_mm + 3  # mm, as the voxels
