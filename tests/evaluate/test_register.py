from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from phantom_evaluate import SPACING, picture, register_settings, slices, store

from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.register import run_register, score_slices


def synthetic(folder, volume="scan", run="ours", **changes):
    return store(folder / "synthesize", slices(volume, run=run, modality="mr", **changes))


def real(folder, volume="mr", **changes):
    return store(folder / "extract", slices(volume, **changes))


def registered(folder, scans, references):
    """Register all slices; return the path of the rows."""
    out = folder / "register.csv"
    run_register(scans, references=references, out=out, settings=register_settings())
    return out


def test_real_mr_offered_as_synthetic_scores_zero(tmp_path):
    references = [real(tmp_path), real(tmp_path, "other", ga_weeks=30.0, seed=5)]

    rows = pd.read_csv(registered(tmp_path, [synthetic(tmp_path, run="atlas")], references))

    assert tuple(rows.columns) == tables.REGISTER
    assert rows["plane"].tolist() == ["axial", "coronal", "sagittal"]
    assert rows["index"].tolist() == [30, 31, 32]
    assert set(rows["run"]) == {"atlas"}
    assert set(rows["reference"]) == {"mr"}
    assert (rows["deformation"] == 0).all()
    assert (rows["abs_log_det"] == 0).all()
    assert (rows["similarity_after"] == 1).all()


def test_real_mr_beyond_the_head_of_the_scan_does_not_count(tmp_path):
    value = slices("scan", run="atlas")
    head = value.head.copy()
    head[:, :20] = False
    cut = replace(value, head=head, image=value.image * head)

    rows = pd.read_csv(registered(tmp_path, [store(tmp_path, cut)], [real(tmp_path)]))

    assert (rows["deformation"] == 0).all()


def test_same_input_same_bytes(tmp_path):
    scans = [synthetic(tmp_path, seed=1), synthetic(tmp_path, "scan2", seed=2)]

    first, second = (registered(tmp_path / name, scans, [real(tmp_path)]) for name in "ab")

    assert first.read_bytes() == second.read_bytes()
    rows = pd.read_csv(first)
    assert rows["volume"].tolist() == ["scan"] * 3 + ["scan2"] * 3
    assert rows["deformation"].between(0, 1, inclusive="neither").all()


def test_less_alike_scores_worse():
    image, head = picture()
    noise = np.random.default_rng(0).random(image.shape).astype(np.float32) * head
    other, also = picture(shift_mm=(1.5, 0.0))
    settings = register_settings()

    def deformation(moving):
        (score,) = score_slices(
            [moving], [image], [head | also], spacing_mm=SPACING, settings=settings
        )
        return score["deformation"]

    assert 0 == deformation(image) < deformation(other) < deformation(noise)
    assert deformation(noise) > 0.8


def test_pictures_that_find_no_match_get_the_worst_score():
    image, head = picture()
    speck = np.zeros_like(image)
    speck[9:11, 32] = 1.0
    settings = register_settings()

    unlike = [(1 - image) * head, speck]
    scores = score_slices(unlike, [image] * 2, [head] * 2, spacing_mm=SPACING, settings=settings)
    for score in scores:
        assert score["similarity_after"] < 0
        assert score["deformation"] == 1.0


def test_empty_synthetic_slice_gets_the_worst_score_and_is_counted(tmp_path, caplog):
    caplog.set_level("INFO")
    blank = slices("scan", run="dead")
    path = store(tmp_path, replace(blank, image=np.zeros_like(blank.image)))

    out = registered(tmp_path, [path], [real(tmp_path)])

    rows = pd.read_csv(out)
    assert (rows["deformation"] == 1).all()
    assert rows["abs_log_det"].isna().all()
    assert "nan" not in out.read_text().lower()
    assert "3 slices registered, 3 of them without a match" in caplog.text


def test_empty_real_slice_is_left_out(tmp_path):
    blank = slices("mr")
    image = blank.image.copy()
    image[0] = 0
    reference = store(tmp_path / "extract", replace(blank, image=image))

    rows = pd.read_csv(registered(tmp_path, [synthetic(tmp_path)], [reference]))

    assert rows["plane"].tolist() == ["coronal", "sagittal"]


def test_scan_without_real_slice_leaves_a_header(tmp_path, caplog):
    caplog.set_level("INFO")

    out = registered(tmp_path, [synthetic(tmp_path)], [real(tmp_path, places=((0, 60),))])

    assert out.read_text() == ",".join(tables.REGISTER) + "\n"
    assert "3 of 3 slices have no real MR" in caplog.text


def test_other_grid_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(InputError, match=r"scan\.h5: expected the grid of .*mr\.h5"):
        registered(tmp_path, [synthetic(tmp_path, spacing_mm=0.6)], [real(tmp_path)])
    assert not list(tmp_path.glob("*.csv"))


def test_no_reference_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one real MR"):
        registered(tmp_path, [synthetic(tmp_path)], [])
