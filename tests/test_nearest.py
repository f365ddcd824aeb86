"""The reference of a slice: its plane, then the age, then the index, then the first."""

import numpy as np

from ssus2mri.nearest import Places, joined, nearest


def places(*rows: tuple[int, int, float]) -> Places:
    plane, index, weeks = zip(*rows, strict=True) if rows else ((), (), ())
    return Places(np.array(plane, np.uint8), np.array(index, np.int16), np.array(weeks, float))


def test_age_comes_before_index() -> None:
    references = places((0, 10, 26.0), (0, 14, 23.0))
    assert nearest(places((0, 10, 23.4)), references).tolist() == [1]


def test_the_nearest_index_and_the_first_of_equals() -> None:
    references = places((0, 9, 23.0), (0, 12, 23.0), (0, 14, 23.0), (0, 12, 23.0))
    scan = places((0, 11, 23.0), (0, 13, 23.0), (0, 0, 23.0))
    assert nearest(scan, references).tolist() == [1, 1, 0]


def test_without_a_slice_of_the_plane_there_is_none() -> None:
    scan = places((0, 10, 23.0), (2, 10, 23.0))
    assert nearest(scan, places((0, 50, 30.0))).tolist() == [0, -1]
    assert nearest(scan, places()).tolist() == [-1, -1]
    assert nearest(places(), scan).tolist() == []


def test_ages_are_compared_in_single_precision() -> None:
    """22.5 and 22.3 are equally far from 22.4 there; in double precision the second is nearer."""
    references = places((0, 10, 22.5), (0, 10, 22.3))
    assert nearest(places((0, 10, 22.4)), references).tolist() == [0]


def test_joined_volumes_keep_their_order() -> None:
    both = joined([places((0, 1, 23.0)), places((2, 5, 25.0))])
    assert both.plane.tolist() == [0, 2]
    assert both.index.tolist() == [1, 5]
    assert both.ga_weeks.tolist() == [23.0, 25.0]
