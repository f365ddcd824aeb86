"""The upright frame: the built-in head defines it, and another head's nod is found."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import small_settings
from scipy.spatial.transform import Rotation

from ssus2mri.errors import InputError
from ssus2mri.images import geometry
from ssus2mri.prepare.upright import PLACES, upright_rotation
from ssus2mri.simulate.anatomy import built_in
from ssus2mri.tissues import INTRACRANIAL, Tissue


@pytest.fixture(scope="module")
def labels() -> sitk.Image:
    return built_in(23.0, small_settings().anatomy).labels


def test_places_are_those_of_the_built_in_head(labels: sitk.Image) -> None:
    array = sitk.GetArrayFromImage(labels)
    brain = np.argwhere(np.isin(array, INTRACRANIAL)) * np.array(labels.GetSpacing())
    radius_mm = (3 * len(brain) * np.prod(labels.GetSpacing()) / (4 * np.pi)) ** (1 / 3)
    for tissue, (y, z) in PLACES.items():
        centre = (np.argwhere(array == tissue) * np.array(labels.GetSpacing())).mean(axis=0)
        seen = (centre - brain.mean(axis=0)) / radius_mm
        assert seen[[1, 0]] == pytest.approx((y, z), abs=0.04), tissue.name
    assert np.abs(upright_rotation(labels) - np.eye(3)).max() < np.radians(1.0)


@pytest.mark.parametrize("degrees", [-20.0, 7.0])
def test_a_nod_is_found(labels: sitk.Image, degrees: float) -> None:
    turn = Rotation.from_euler("x", degrees, degrees=True)
    nodding = sitk.AffineTransform(3)
    nodding.SetMatrix(turn.as_matrix().ravel().tolist())
    turned = geometry.resample(labels, labels, nodding, nearest=True)
    back = Rotation.from_matrix(upright_rotation(turned) @ turn.as_matrix())
    assert np.degrees(back.magnitude()) < 1.5


def test_labels_without_these_tissues_are_refused(labels: sitk.Image) -> None:
    with pytest.raises(InputError, match="at least three of"):
        upright_rotation(sitk.Cast(labels == Tissue.CEREBELLUM, sitk.sitkUInt8) * Tissue.CEREBELLUM)
