from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_simulate import label_atlas, small_settings
from scipy.spatial.transform import Rotation

from ssus2mri.errors import InputError
from ssus2mri.growth import head_circumference_mm
from ssus2mri.simulate.atlas import from_labels
from ssus2mri.simulate.head.sizes import head_diameters_mm
from ssus2mri.simulate.pose import (
    fit_similarity,
    generator,
    index_of,
    lattice,
    random_pose,
    world_of,
)
from ssus2mri.tissues import Tissue

SETTINGS = small_settings()


def test_growth_is_that_of_the_source():
    # Hadlock 1984: a head circumference of 21 cm belongs to 23.08 weeks.
    assert head_circumference_mm(8.96 + 0.540 * 21 + 0.0003 * 21**3) == pytest.approx(210)
    width, length = head_diameters_mm(23)
    assert width == pytest.approx(57, rel=0.05)
    assert length == pytest.approx(72, rel=0.05)


def test_label_atlas_stays_in_its_world(tmp_path: Path):
    path = tmp_path / "labels.nii.gz"
    label_atlas(path)
    atlas = sitk.ReadImage(str(path))
    labels = from_labels(path, SETTINGS.anatomy).labels
    cortex = np.argwhere(sitk.GetArrayFromImage(atlas) == Tissue.CORTEX)[::97, ::-1].tolist()
    same = [labels[labels.TransformPhysicalPointToIndex(atlas.TransformIndexToPhysicalPoint(index))]
            for index in cortex]  # fmt: skip
    assert np.mean(np.array(same) == Tissue.CORTEX) > 0.97


def test_fit_recovers_a_known_similarity():
    rng = generator(0, "points")
    start = rng.normal(0, 20, (3, 200))
    rotation = Rotation.from_rotvec(0.7 * np.array([0.6, 0.0, 0.8])).as_matrix()
    end = 1.1 * rotation @ start + np.array([[3.0], [-4.0], [5.0]])
    fitted = fit_similarity(start, end)
    moved = np.array([fitted.TransformPoint(point.tolist()) for point in start.T]).T
    assert np.abs(moved - end).max() < 1e-9
    assert fitted.GetScale() == pytest.approx(1.1)


def test_fit_refuses_points_on_a_line():
    line = np.linspace(0, 1, 9) * np.ones((3, 1))
    with pytest.raises(InputError, match="not on one line"):
        fit_similarity(line, line)


def test_pose_stays_within_its_limits_and_leaves_global_state_alone():
    before = np.random.get_state()[1].copy()
    for name in map(str, range(50)):
        pose = random_pose(generator(0, name), rotation_deg=30, shift_mm=15)
        angle = np.degrees(np.arccos((np.trace(pose.rotation) - 1) / 2))
        assert angle <= 30 + 1e-6
        assert np.linalg.norm(pose.shift_mm) <= 15
    assert np.array_equal(before, np.random.get_state()[1])


def test_grids_of_points():
    image = sitk.Image(7, 6, 5, sitk.sitkUInt8)
    image.SetSpacing([1.0, 2.0, 3.0])
    image.SetOrigin([10.0, 20.0, 30.0])
    image.SetDirection([0, -1, 0, 1, 0, 0, 0, 0, 1])
    points = lattice(world_of(image), (5, 6, 7))
    expected = image.TransformIndexToPhysicalPoint((6, 5, 4))
    assert points[:, 4, 5, 6] == pytest.approx(expected)
    assert index_of(image)(points)[:, 4, 5, 6] == pytest.approx([4, 5, 6], abs=1e-5)
