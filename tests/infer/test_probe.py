"""Squares in ultrasound: where they go, and what syntheses of known behaviour make of them."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import configured
from phantom_evaluate import slices
from scipy import ndimage

from ssus2mri.config.evaluate import ProbeSettings
from ssus2mri.infer.patterns import draw_patterns, draw_squares, recover, stamp
from ssus2mri.infer.probe import COLUMNS, probe, with_neighbours

PLACES = tuple((plane, index) for plane in range(3) for index in range(28, 36))


def settings(**changes):
    return configured(ProbeSettings, "probe", **{"slices_per_volume": 3, **changes})


def scan():
    us = slices("scan", PLACES, modality="us", subject="s", split="test")
    return replace(us, image=us.image * np.float16(0.5))  # nothing as bright as a square


def rows_of(synthesis, us, shown=None, neighbours=0, **changes):
    return probe(
        synthesis,
        us,
        shown=us if shown is None else shown,
        path="scan.h5",
        run="ours",
        neighbours=neighbours,
        settings=settings(**changes),
    )


def test_identity_preserves_every_pattern_and_is_capped():
    rows = rows_of(lambda us: us, scan())

    assert [row["pattern"] for row in rows] == ["single"] * 3 + ["multiple"] * 3
    assert {row["psnr_db"] for row in rows} == {100.0}
    assert {row["capped"] for row in rows} == {1}
    assert {row["dice"] for row in rows} == {1.0}
    assert {row["run"] for row in rows} == {"ours"}
    assert tuple(rows[0]) == COLUMNS


def test_synthesis_that_ignores_its_input_preserves_nothing():
    rows = rows_of(lambda us: replace(us, image=us.image * 0 + np.float16(0.3)), scan())

    for row in rows:
        pixels = row["area_mm2"] / 1.5**2
        assert row["dice"] == 0
        assert row["capped"] == 0
        assert row["psnr_db"] == pytest.approx(-10 * np.log10(pixels / 64**2))


def test_one_wrong_pixel_is_worth_so_many_decibels():
    def blemished(us):
        image = us.image.copy()
        image[:, 0, 0] = (us.image.max(axis=(1, 2)) == 1) * 0.5
        return replace(us, image=image)

    rows = rows_of(blemished, scan())

    assert {row["capped"] for row in rows} == {0}
    assert rows[0]["psnr_db"] == pytest.approx(10 * np.log10(64**2))


def test_run_that_is_shown_matched_mr_sees_no_pattern():
    us = scan()
    rows = rows_of(lambda seen: seen, us, shown=replace(us, image=us.image + np.float16(0.1)))

    assert {row["dice"] for row in rows} == {0.0}


def test_patterns_are_those_of_the_slice_whatever_else_is_in_the_file():
    us = scan()
    few = replace(
        us, image=us.image[3:5], plane=us.plane[3:5], index=us.index[3:5], head=us.head[3:5]
    )
    again = draw_patterns(us, "multiple", [3, 4], settings())
    other = draw_patterns(us, "multiple", [3, 4], settings(seed=1))

    for mask, same in zip(draw_patterns(few, "multiple", [0, 1], settings()), again, strict=True):
        assert (mask == same).all()
    assert (again[0] != other[0]).any()
    assert (again[0] != again[1]).any()


@pytest.mark.parametrize("count", [1, 4])
def test_squares_are_square_apart_and_within_the_head(count):
    head = scan().head[0]
    inner = ndimage.distance_transform_edt(head) * 1.5
    for seed in range(5):
        squares = draw_squares(
            head, count, spacing_mm=1.5, settings=settings(), rng=np.random.default_rng(seed)
        )
        assert len(squares) == count
        for square in squares:
            high, wide = (np.ptp(axis) + 1 for axis in np.nonzero(square))
            assert high == wide
            assert square.sum() == high * wide
            assert 3 <= high * 1.5 <= 10.5
            assert inner[square].min() >= 5
        for first, square in enumerate(squares):
            near = ndimage.binary_dilation(square, np.ones((3, 3)))
            assert not any((near & other).any() for other in squares[first + 1 :])


def test_head_too_small_for_a_square_has_no_row():
    us = scan()
    small = np.zeros_like(us.head)
    small[:, 30:34, 30:34] = True

    assert rows_of(lambda seen: seen, replace(us, head=small)) == []


def test_only_chosen_slices_are_stamped_and_neighbours_come_along():
    us = scan()
    mask = np.zeros((64, 64), bool)
    mask[30:33, 30:33] = True
    stamped = stamp(us, [9], [mask], 1.0)

    assert (stamped.image[9][mask] == 1).all()
    assert (np.delete(stamped.image, 9, 0) == np.delete(us.image, 9, 0)).all()
    assert with_neighbours(us, [0, 9], 1) == [0, 1, 8, 9, 10]
    assert with_neighbours(us, [0, 9], 0) == [0, 9]


def test_small_change_is_not_preserved():
    plain = np.full((2, 2), 0.5)
    assert recover(plain, plain + np.array([[0.0, 0.05], [0.15, -0.2]]), 0.1).tolist() == [
        [False, False],
        [True, True],
    ]
