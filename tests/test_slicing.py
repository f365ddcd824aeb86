"""Cutting a volume into slices: every plane counts along its own axis."""

import numpy as np
import pytest

from ssus2mri.slices import Header, Slices
from ssus2mri.slicing import assemble, cut, recut

SIZE = 6
VOLUME = np.random.default_rng(0).permutation(SIZE**3).reshape((SIZE,) * 3)


def slices(plane: list[int], index: list[int], dtype: type = np.float32) -> Slices:
    header = Header("v", "s", "mr", 23.0, "test", 2.0, SIZE, 0.0, 1.0, origin_mm=(1.0, 2.0, 3.0))
    image = (cut(VOLUME, plane, index) / SIZE**3).astype(dtype)
    head = np.ones(image.shape, bool)
    return Slices(header, image, np.array(plane, np.uint8), np.array(index, np.int16), head)


def test_a_slice_is_a_view_along_its_plane() -> None:
    expected = np.stack([VOLUME[3], VOLUME[:, 4], VOLUME[:, :, 5]])
    np.testing.assert_array_equal(cut(VOLUME, [0, 1, 2], [3, 4, 5]), expected)


def test_as_many_planes_as_indices() -> None:
    with pytest.raises(ValueError, match="shorter"):
        cut(VOLUME, [0, 1, 2], [3, 4])


def test_all_slices_assembled_are_the_volume_and_recut_are_themselves() -> None:
    plane, index = np.divmod(np.arange(3 * SIZE), SIZE)
    whole = slices(plane.tolist(), index.tolist(), np.float16)
    assembled = assemble(whole)
    assert assembled.GetOrigin() == (1.0, 2.0, 3.0)
    assert assembled.GetSpacing() == (2.0, 2.0, 2.0)
    np.testing.assert_array_equal(recut(whole, assembled).image, whole.image)


def test_a_single_slice_stays_a_plane() -> None:
    plane = assemble(slices([0], [3]))
    assert plane.GetSize() == (SIZE, SIZE)
    assert plane.GetOrigin() == (1.0, 2.0)
