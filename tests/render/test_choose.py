"""Which slices and which MR the report shows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import phantom_render as phantom

from ssus2mri import slices
from ssus2mri.evaluate.pairs import entry
from ssus2mri.render.choose import choose_slices, real_mr, spread


def test_spread_and_choose_slices() -> None:
    assert spread([1, 2, 3], 5) == [1, 2, 3]
    assert spread(list(range(10)), 2) == [2, 7]
    volume = phantom.cut(np.ones((32, 32, 32)), phantom.header("us-7", "us", "test", 32), 8)
    places = choose_slices(volume, [], 3)
    assert volume.plane[places].tolist() == [0] * 3 + [1] * 3 + [2] * 3
    assert volume.index[places].min() >= 12  # indices 8 to 24: their middle half
    assert volume.index[places].max() <= 20
    scored = {("axial", int(index)) for index in volume.index[[3, 4]]}
    assert choose_slices(volume, [scored], 2)[:2] == [3, 4]


def test_real_mr_of_the_same_subject_comes_first(tmp_path: Path) -> None:
    us = phantom.cut(np.ones((32, 32, 32)), phantom.header("us-7", "us", "test", 32), 8)
    paths = []
    for name, split, weeks, each in (
        ("mr-1", "train", 23.0, 8),
        ("mr-2", "train", 23.5, 8),
        ("mr-7", "test", 30.0, 3),
        ("mr-9", "test", 23.0, 8),
    ):
        header = replace(phantom.header(name, "mr", split, 32), ga_weeks=weeks)
        paths.append(tmp_path / f"{name}.h5")
        slices.write(phantom.cut(np.ones((32, 32, 32)), header, each), paths[-1])
    entries = [entry(path) for path in paths]
    (same_subject,) = real_mr(us, [3], entries)
    (training,) = real_mr(us, [3], entries[:2])
    assert same_subject
    assert same_subject[1] == "MR of the same subject: mr-7, 30 w, slice 16"
    assert training
    assert training[1] == "nearest training MR: mr-1, 23 w"
    assert real_mr(us, [3], entries[3:]) == [None]
