import numpy as np
import pytest
from phantom_evaluate import header, slices, store

from ssus2mri.errors import InputError
from ssus2mri.evaluate.pairs import (
    Entry,
    choose,
    entry,
    mr_entries,
    pair_nearest,
    require_same_grid,
    synthetic_entries,
)


def listed(volume, places, **changes):
    plane, index = np.array(places).T
    return Entry(f"{volume}.h5", header(volume, **changes), plane, index)


def paired(scan, references, tolerance_mm=3.0):
    return [
        (pair.number, pair.reference.header.volume, pair.reference_number)
        for pair in pair_nearest(scan, references, tolerance_mm=tolerance_mm)
    ]


def test_nearest_age_wins_and_the_first_of_equals():
    scan = listed("scan", [(0, 10), (1, 11)], ga_weeks=23.4)
    mrs = [
        listed("old", [(0, 10), (1, 11)], ga_weeks=26.0),
        listed("near", [(1, 11), (0, 10)], ga_weeks=23.0),
        listed("twin", [(0, 10), (1, 11)], ga_weeks=23.0),
    ]

    assert paired(scan, mrs) == paired(scan, mrs[::-1]) == [(0, "near", 1), (1, "near", 0)]


def test_equally_old_volume_with_the_same_index_wins():
    scan = listed("scan", [(0, 10)])
    mrs = [listed("gap", [(0, 11)]), listed("exact", [(0, 10)])]

    assert paired(scan, mrs) == [(0, "exact", 0)]


def test_missing_index_takes_the_nearest_within_the_tolerance():
    scan = listed("scan", [(0, 10), (0, 14), (0, 20)])
    mr = listed("mr", [(0, 9), (0, 12), (1, 20)])

    # 1.5 mm a slice: 10 -> 9 is 1.5 mm, 14 -> 12 is 3 mm, 20 -> 12 is 12 mm.
    assert paired(scan, [mr]) == [(0, "mr", 0), (1, "mr", 1)]
    assert paired(scan, [mr], tolerance_mm=0.0) == []


def test_plane_without_reference_is_left_out():
    assert paired(listed("scan", [(2, 10)]), [listed("mr", [(0, 10)])]) == []
    assert paired(listed("scan", [(2, 10)]), []) == []


def test_choice_is_even_over_planes_and_index():
    scan = listed("scan", [(plane, index) for plane in (2, 0, 1) for index in range(30, 50)])
    chosen = choose(pair_nearest(scan, [scan], tolerance_mm=0.0), scan, 6)

    assert [(scan.plane[p.number], scan.index[p.number]) for p in chosen] == [
        (plane, index) for plane in (0, 1, 2) for index in (35, 45)
    ]


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (2, 2), (4, 4), (100, 7)])
def test_choice_gives_what_there_is(count, expected):
    scan = listed("scan", [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (2, 1), (2, 2)])

    chosen = choose(pair_nearest(scan, [scan], tolerance_mm=0.0), scan, count)

    assert len({pair.number for pair in chosen}) == len(chosen) == expected


def test_a_single_plane_is_chosen():
    scan = listed("scan", [(0, 80)])

    assert len(choose(pair_nearest(scan, [scan], tolerance_mm=0.0), scan, 12)) == 1


def test_real_slices_offered_as_synthetic_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"real\.h5: expected synthetic slices; found"):
        synthetic_entries([store(tmp_path, slices("real"))])


def test_two_runs_at_once_are_refused(tmp_path):
    paths = [store(tmp_path, slices(name, run=name)) for name in ("a", "b")]

    with pytest.raises(InputError, match=r"b\.h5: expected .* run 'a'; found run 'b'"):
        synthetic_entries(paths)


@pytest.mark.parametrize("changes", [{"modality": "us"}, {"run": "ours"}])
def test_reference_that_is_not_real_mr_is_refused(tmp_path, changes):
    with pytest.raises(InputError, match="expected slices of a real MR"):
        mr_entries([store(tmp_path, slices("x", **changes))])


def test_no_reference_is_refused():
    with pytest.raises(InputError, match="--references"):
        mr_entries([])


def test_scans_of_uncertain_pose_are_left_out_and_named(tmp_path, caplog):
    paths = [
        store(tmp_path, slices("sure", run="ours")),
        store(tmp_path, slices("unsure", run="ours", uncertain=True)),
    ]
    assert [scan.header.volume for scan in synthetic_entries(paths)] == ["sure"]
    assert "unsure" in caplog.text
    mr = [store(tmp_path, slices("mr", modality="mr", uncertain=True))]
    assert mr_entries(mr) == []


def test_different_grids_are_refused(tmp_path):
    fine = entry(store(tmp_path, slices("fine", spacing_mm=0.6)))
    coarse = entry(store(tmp_path, slices("coarse")))

    with pytest.raises(InputError, match=r"fine\.h5: expected the grid of .*coarse\.h5"):
        require_same_grid(fine, coarse)
