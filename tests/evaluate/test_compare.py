from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from phantom_evaluate import SPACING, compare_settings, picture, slices, store

from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.compare import COLUMNS, likeness, registered_ssims, run_compare


def synthetic(folder, seed=0, **changes):
    value = slices("scan", run="ours", subject="s", seed=seed, **changes)
    return store(folder / "synthesize", value)


def ultrasound(folder, truth=True, **changes):
    value = slices("scan", modality="us", subject="s", seed=9, truth=truth, **changes)
    return store(folder / "extract", value)


def mr(folder, volume="scan-mr", subject="s", **changes):
    return store(folder / "extract", slices(volume, subject=subject, split="test", **changes))


def rows_of(tmp_path, scans, extracts):
    out = tmp_path / "ours.csv"
    run_compare(scans, extracts=extracts, out=out, settings=compare_settings())
    return pd.read_csv(out)


def test_perfect_synthesis_of_a_simulated_scan(tmp_path):
    rows = rows_of(tmp_path, [synthetic(tmp_path)], [ultrasound(tmp_path)])

    assert tuple(rows.columns) == COLUMNS
    assert rows["kind"].tolist() == ["truth"] * 3
    assert rows["pathology"].isna().all()
    for measure in ("ssim", "ssim_brain", "ms_ssim", "nmi"):
        assert (rows[measure] == 1).all(), measure
    assert (rows["psnr"] == 100).all()
    assert (rows["mae"] == 0).all()
    assert (rows["mae_cortex"] == 0).all()
    assert rows["mae_cerebellum"].isna().all()
    assert rows["ssim_registered"].isna().all()
    assert set(rows["reference"]) == {"scan"}


def test_error_is_told_by_tissue(tmp_path):
    value = slices("scan", run="ours", subject="s")
    image = value.image.copy()
    image[:, :, 32:] = 0  # the right half, labelled cortex
    scan = store(tmp_path / "synthesize", replace(value, image=image))

    rows = rows_of(tmp_path, [scan], [ultrasound(tmp_path)])

    assert (rows["mae_white_matter"] == 0).all()
    assert (rows["mae_cortex"] > 0.3).all()


def test_pseudo_pair_has_ssim_before_and_after_registration(tmp_path):
    scan = synthetic(tmp_path)
    extracts = [
        ultrasound(tmp_path, truth=False),
        mr(tmp_path),
        mr(tmp_path, "stranger", "other", seed=3),
    ]

    rows = rows_of(tmp_path, [scan], extracts)

    assert rows["kind"].tolist() == ["pair"] * 3
    assert set(rows["reference"]) == {"scan-mr"}
    assert (rows["ssim"] == 1).all()
    assert (rows["ssim_registered"] == 1).all()
    assert rows["mae_cortex"].isna().all()


def test_truth_and_pair_together(tmp_path):
    rows = rows_of(tmp_path, [synthetic(tmp_path, seed=4)], [ultrasound(tmp_path), mr(tmp_path)])

    assert rows["kind"].tolist() == ["truth"] * 3 + ["pair"] * 3
    assert rows.loc[rows["kind"] == "pair", "ssim_registered"].notna().all()
    assert (rows["ssim"] < 1).all()


def test_predicted_positions_are_judged_without_any_reference(tmp_path):
    value = slices("scan", run="ours", subject="s", places=((0, 30), (1, 31), (2, 32), (2, 32)))
    # 5 % of 64 slices are 3.2: right, too far, wrong plane, right by rounding of the plane.
    predicted = np.float32([[0, 33], [1.2, 35.25], [0.9, 32], [1.6, 31.5]])
    scan = store(tmp_path / "synthesize", replace(value, predicted_position=predicted))
    us = ultrasound(tmp_path, truth=False, places=((0, 30), (1, 31), (2, 32), (2, 32)))

    rows = rows_of(tmp_path, [scan], [us])

    assert rows["kind"].tolist() == ["position"] * 4
    assert rows["plane"].tolist() == ["axial", "coronal", "sagittal", "sagittal"]
    assert rows["plane_right"].tolist() == [1, 1, 0, 1]
    assert rows["index_right"].tolist() == [1, 0, 0, 1]
    assert rows["index_error"].tolist() == [3, 4.25, 0, 0.5]
    assert rows["index_error_mm"].tolist() == [4.5, 6.375, 0, 0.75]
    assert rows["ssim"].isna().all()
    assert set(rows["reference"]) == {"scan"}


def test_either_side_forgives_sagittal_slices_their_side_and_nothing_else(tmp_path):
    """Of 64 slices 20 and 43 are mirror images, about 31.5."""
    places = ((2, 20), (2, 20), (2, 20), (2, 20), (0, 20), (1, 20), (2, 20))
    value = slices("scan", run="ours", subject="s", places=places)
    # There, mirrored, nearly mirrored, in between, mirrored in two other planes, the plane wrong.
    predicted = np.float32([[2, 20], [2, 43], [2, 46.5], [2, 31.5], [0, 43], [1, 43], [1, 43]])
    scan = store(tmp_path / "synthesize", replace(value, predicted_position=predicted))

    rows = rows_of(tmp_path, [scan], [ultrasound(tmp_path, truth=False, places=places)])

    assert rows["index_right"].tolist() == [1, 0, 0, 0, 0, 0, 0]
    assert rows["index_right_either_side"].tolist() == [1, 1, 0, 0, 0, 0, 0]
    assert rows["index_error"].tolist() == [0, 23, 26.5, 11.5, 23, 23, 23]


def test_a_run_that_predicts_no_positions_has_none(tmp_path):
    rows = rows_of(tmp_path, [synthetic(tmp_path)], [ultrasound(tmp_path)])

    assert rows[list(tables.POSITION)].isna().all(axis=None)
    assert "position" not in set(rows["kind"])


def test_rows_say_what_the_subject_has(tmp_path):
    scan = synthetic(tmp_path, pathology="cyst", split="test")
    extracts = [ultrasound(tmp_path, pathology="cyst"), mr(tmp_path, pathology="cyst")]

    rows = rows_of(tmp_path, [scan], extracts)

    assert set(rows["kind"]) == {"truth", "pair"}
    assert set(rows["pathology"]) == {"cyst"}


def test_registration_mends_a_shift():
    moving, head = picture(shift_mm=(2.0, 1.0))
    real, other = picture()
    settings = compare_settings()

    before = likeness(moving, real, head | other, settings=settings)["ssim"]
    (after,) = registered_ssims(
        [moving], [real], [head | other], spacing_mm=SPACING, settings=settings
    )

    assert after > before + 0.1


def test_slice_that_cannot_be_registered_stays_as_it_is():
    real, head = picture()
    blank = np.zeros_like(real)
    settings = compare_settings()

    (after,) = registered_ssims([blank], [real], [head], spacing_mm=SPACING, settings=settings)

    assert after == likeness(blank, real, head, settings=settings)["ssim"]


def test_nothing_known_leaves_a_header(tmp_path):
    rows_of(tmp_path, [synthetic(tmp_path)], [ultrasound(tmp_path, truth=False)])

    assert (tmp_path / "ours.csv").read_text() == ",".join(COLUMNS) + "\n"


def test_scan_without_its_ultrasound_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"scan\.h5: expected the US slice file of scan"):
        rows_of(tmp_path, [synthetic(tmp_path)], [mr(tmp_path)])


def test_other_slices_than_the_ultrasound_are_refused(tmp_path):
    with pytest.raises(InputError, match="not the same planes and indices"):
        rows_of(tmp_path, [synthetic(tmp_path, places=((0, 30), (0, 31)))], [ultrasound(tmp_path)])


def test_pair_on_another_grid_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"expected the grid of .*scan-mr\.h5"):
        rows_of(
            tmp_path, [synthetic(tmp_path)], [ultrasound(tmp_path), mr(tmp_path, spacing_mm=0.6)]
        )
