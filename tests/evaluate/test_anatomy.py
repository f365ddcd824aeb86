"""Tissues and sizes over scans, by hand."""

import numpy as np
import pandas as pd
import pytest
from phantom_evaluate import score_settings

from ssus2mri.evaluate import tables
from ssus2mri.evaluate.anatomy import anatomy
from ssus2mri.evaluate.differences import differences, of_scans

HEADS = {"ours": {"run": "ours"}, "copy": {"run": "copy"}}


def segmented(*rows):
    """Rows of `segment`: run, volume, measure, unit, value, truth, true_mr, pathology."""
    names = ("run", "volume", "measure", "unit", "value", "truth", "true_mr", "pathology")
    table = pd.DataFrame(rows, columns=names)
    return table.reindex(columns=list(tables.SEGMENT), fill_value="").astype(
        dict.fromkeys(("value", "truth", "true_mr"), float)
    )


def table_of(*rows):
    table = pd.DataFrame(anatomy(segmented(*rows), HEADS, score_settings()))
    return table.set_index(["run", "pathology", "measure"])


def test_error_is_absolute_and_dice_is_itself():
    table = table_of(
        ("ours", "a", "atrium", "mm", 7.0, 8.0, 8.5, ""),
        ("ours", "b", "atrium", "mm", 9.0, 6.0, 6.0, ""),
        ("ours", "a", "dice_mean", "", 0.6, 1.0, 0.8, ""),
        ("copy", "a", "dice_mean", "", 0.2, 1.0, 0.8, ""),
    )

    size = table.loc["ours", "none", "error_atrium"]
    assert size[["mean", "true_mr", "n_volumes", "unit"]].tolist() == [2.0, 0.25, 2, "mm"]
    assert size[["ci_low", "ci_high"]].tolist() == [1.0, 3.0]
    assert table.loc["ours", "none", "dice_mean"][["mean", "true_mr"]].tolist() == [0.6, 0.8]
    assert list(table.index.get_level_values("run")) == ["ours", "ours", "copy"]


def test_structure_that_was_not_found_is_counted():
    table = table_of(
        ("ours", "a", "transcerebellar", "mm", np.nan, 20.0, 21.0, ""),
        ("ours", "b", "transcerebellar", "mm", 19.0, 20.0, 21.0, ""),
        ("ours", "a", "dice_cyst", "", np.nan, np.nan, np.nan, ""),
    )

    row = table.loc["ours", "none", "error_transcerebellar"]
    assert row[["n_missing", "n_volumes", "mean", "true_mr"]].tolist() == [1, 1, 1.0, 1.0]
    assert len(table) == 1  # what nobody has is not there


def test_scan_without_truth_and_pathology_stand_apart():
    table = table_of(
        ("ours", "a", "tissues_scan", "", 0.3, np.nan, np.nan, "cyst"),
        ("ours", "b", "tissues_scan", "", 0.4, np.nan, np.nan, ""),
    )

    assert table.loc["ours", "none", "tissues_scan"]["mean"] == 0.4
    assert table.loc["ours", "cyst", "tissues_scan"]["mean"] == 0.3
    assert table["true_mr"].isna().all()
    assert table["n_missing"].tolist() == [0, 0]


def test_runs_are_compared_scan_by_scan():
    rows = [
        (run, volume, "agreement", "", value, np.nan, np.nan, "")
        for run, values in (("ours", (0.3, 0.5)), ("copy", (0.2, 0.1)))
        for volume, value in zip("ab", values, strict=True)
    ]

    (row,) = differences(of_scans(segmented(*rows)), ["ours", "copy"], score_settings())
    assert row["difference"] == pytest.approx(0.25)
    assert (row["n_volumes"], row["better"]) == (2, "ours")
