"""The share of the gap between bounds: an upper bound is the end of a scale, not a competitor."""

from pathlib import Path

import numpy as np
import pandas as pd
import phantom_render as phantom
import pytest
from phantom_evaluate import score_settings

from ssus2mri.evaluate.gap_closed import COLUMNS, gaps_closed, share
from ssus2mri.evaluate.score import TABLES
from ssus2mri.render.gather import Results, gather
from ssus2mri.render.layouts import pathology_tables, score_tables
from ssus2mri.render.verdict import headline, verdicts

METHODS = {"ours": "synthesis", "other": "cut", "low": "atlas", "us": "copy", "high": "paired"}


def truth(**values: dict[str, list[float]]) -> pd.DataFrame:
    """Rows of `compare`: run -> volume -> an SSIM per slice; the PSNR is twenty times that."""
    return pd.DataFrame(
        [
            {"run": run, "volume": volume, "plane": "axial", "index": place}
            | {"ssim": value, "psnr": 20 * value}
            for run, by_volume in values.items()
            for volume, numbers in by_volume.items()
            for place, value in enumerate(numbers)
        ],
        columns=["run", "volume", "plane", "index", "ssim", "psnr"],
    )


def measured(rows: pd.DataFrame, *runs: str) -> pd.DataFrame:
    names = {run: run.upper() for run in runs}
    return pd.DataFrame(gaps_closed(rows, names, METHODS, score_settings()), columns=list(COLUMNS))


def test_share_of_the_gap_by_hand():
    rows = truth(
        ours={"a": [0.5, 0.6], "b": [0.4, 0.6, 0.9]},  # the last is nobody else's
        low={"a": [0.4, 0.4], "b": [0.4, 0.4]},
        high={"a": [0.8, 0.8], "b": [0.8, 0.8]},
        us={"a": [0.1, 0.1], "b": [0.1, 0.1]},
    )
    table = measured(rows, "high", "us", "low", "ours")
    assert table["run"].tolist() == ["ours", "ours"]
    assert table["measure"].tolist() == ["ssim", "psnr"]
    row = table.iloc[0]
    assert (row["label"], row["lower_bound"], row["upper_bound"]) == ("OURS", "low", "high")
    assert (row["n_slices"], row["n_volumes"]) == (4, 2)
    # 3/8 and 2/8 of the gap are closed in the volumes; a resample is one, the other or both.
    assert table["share"].tolist() == pytest.approx([0.3125] * 2)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx((0.25, 0.375))


def test_the_upper_bound_is_resampled_with_the_run():
    """What volumes have in common does not widen the interval."""
    ssim_by_volume = {"a": [0.0, 0.4, 0.8], "b": [0.2, 0.5, 0.8], "c": [0.6, 0.7, 0.8]}
    values = {
        run: {v: [ssim_by_volume[v][i]] for v in ssim_by_volume}
        for i, run in enumerate(("low", "ours", "high"))
    }
    row = measured(truth(**values), "ours", "low", "high").iloc[0]
    assert (row["share"], row["ci_low"], row["ci_high"]) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("high", "has_share"), [({"a": [0.2], "b": [0.3]}, False), ({"a": [0.9], "b": [0.3]}, True)]
)
def test_without_a_gap_there_is_no_share_of_it(high, has_share):
    """An upper bound below the lower, everywhere or in some volume: no share, or no interval."""
    low, ours = {"a": [0.4], "b": [0.4]}, {"a": [0.5], "b": [0.5]}
    row = measured(truth(low=low, high=high, ours=ours), "ours", "low", "high").iloc[0]
    assert pd.notna(row["share"]) == has_share
    assert pd.isna(row["ci_low"])


def test_no_rows_without_both_bounds_or_a_truth():
    rows = truth(ours={"a": [0.5]}, low={"a": [0.4]}, high={"a": [0.8]})
    assert measured(rows, "ours", "low").empty
    assert measured(rows, "ours", "high").empty
    assert measured(truth(), "ours", "low", "high").empty
    assert measured(rows, "ours", "other", "low", "high")["run"].tolist() == ["ours"] * 2
    assert pd.isna(measured(rows, "ours", "low", "high").iloc[0]["ci_low"])  # one volume


def test_shares():
    means = np.array([[0.4, 0.4, 0.8], [0.8, 0.4, 0.8], [0.2, 0.4, 0.8], [0.5, 0.8, 0.8]])
    assert share(means) == pytest.approx([0.0, 1.0, -0.5, np.nan], nan_ok=True)


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Results:
    root = tmp_path_factory.mktemp("gap_closed") / "results"
    phantom.build(root, labels=phantom.BOUNDED, pathologies=("us-8",))
    return gather(root, phantom.BOUNDED, phantom.VOLUMES)


def test_the_upper_bound_is_no_competitor(bounded: Results):
    compared = verdicts(bounded.runs)
    assert {verdict.label for verdict in compared} == {"Ours", "GAN <i>"}
    assert {verdict.reference for verdict in compared} == {"Copy of the US", "Atlas MR"}
    assert "Paired" not in headline(bounded.runs, compared)
    alone = [run for run in bounded.runs if run.role != "trained"]
    assert "only reference rows and the upper bound" in headline(alone, verdicts(alone))
    for table in (*score_tables(bounded), *pathology_tables(bounded)):
        if table.file == "gap_closed.csv":
            continue
        heads = [column.text for column in table.columns]
        assert heads[-1] == "Paired (upper bound)"
        assert not table.columns[-1].soft
        first = [cell for cell in table.rows[0].cells[1:] if not cell.text.startswith("no ")]
        assert any(cell.best for cell in first) == bool(first)
        assert not any(row.cells[-1].best for row in table.rows)


def test_the_gap_closed_is_a_table_of_the_page(bounded: Results):
    (table,) = [table for table in score_tables(bounded) if table.file == "gap_closed.csv"]
    assert [column.text for column in table.columns] == ["Settings", "Ours", "GAN <i>"]
    ours, gan = (int(cell.text.removesuffix(" %")) for cell in table.rows[0].cells[1:])
    assert 80 < ours < 95 > 50 > 40 < gan < 60
    assert table.rows[-1].cells[1].text == "24 (1)"
    path = phantom.render(bounded.us["us-7"].parents[1], phantom.BOUNDED)
    page = path.read_text(encoding="utf-8")
    assert "Gap closed between Atlas MR and Paired (upper bound)" in page
    assert "An upper bound learned from the true MR" in page


def test_a_page_without_an_upper_bound_mentions_none(tmp_path: Path):
    root = phantom.build(tmp_path / "results")
    files = [table.file for table in score_tables(gather(root, phantom.LABELS, phantom.VOLUMES))]
    assert files == [
        *("anatomy.csv", "anatomy.csv", "table2.csv", "table2.csv", "table3.csv"),
        *("table4.csv", "table4.csv", "table5.csv"),
    ]
    assert (root / "score" / "gap_closed.csv").read_text() == (
        ",".join(TABLES["gap_closed"]) + "\n"
    )
