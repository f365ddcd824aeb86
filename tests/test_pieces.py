"""The largest piece of a mask."""

import numpy as np

from ssus2mri.pieces import largest_piece


def test_the_largest_piece_is_kept_alone() -> None:
    mask = np.zeros((6, 6), bool)
    mask[0, :2] = mask[3:5, 2:5] = True
    kept = largest_piece(mask)
    assert kept.sum() == 6
    assert kept[3:5, 2:5].all()


def test_voxels_that_share_a_corner_are_apart() -> None:
    assert largest_piece(np.eye(3, dtype=bool)).sum() == 1


def test_an_empty_mask_stays_empty() -> None:
    assert not largest_piece(np.zeros((2, 2, 2), bool)).any()
