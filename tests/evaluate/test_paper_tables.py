"""Tables II to V as the paper lays them out, and the comparison of runs on the same slices."""

import numpy as np
import pandas as pd
import pytest
from conftest import CONFIG
from phantom_evaluate import score
from test_score import compare_rows, register_rows

from ssus2mri.config.base import load_yaml, merge
from ssus2mri.config.project import load
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.compare import COLUMNS

LABELS = {"ours": "Ours", "gan": "GAN", "mine": "GAN"}
METHODS = dict.fromkeys(LABELS, "synthesis")
PAPER = "the paper, other data: mean ± std"
RATED = ("observer", "group", "image", "run", "volume", "plane", "index", "repeat_of", "rating")


def probe_rows(run, values):
    return [
        {**row, "pattern": "multiple", "psnr_db": row.pop("deformation"), "capped": 1.0}
        for row in register_rows(run, values)
    ]


def scored(folder, register=(), compare=(), probe=(), mos=None, ratings=None, labels=LABELS):
    """Score rows of all runs in one file a stage, and give the tables as text."""
    paths = {}
    for stage, columns, rows in (
        ("register", tables.REGISTER, register),
        ("compare", COLUMNS, compare),
        ("probe", tables.PROBE, probe),
    ):
        path = folder / stage / "all.csv"
        tables.write(list(rows), columns, path)
        paths[stage] = [path] if rows or stage != "probe" else []
    for name, columns, rows in (("mos", tables.MOS, mos), ("ratings", RATED, ratings)):
        paths[name] = None
        if rows is not None:
            paths[name] = folder / "rate" / f"{name}.csv"
            tables.write(rows, columns, paths[name])
    score(folder / "score", labels, METHODS, **paths)
    return {
        path.stem: pd.read_csv(path, keep_default_na=False, dtype=str)
        for path in (folder / "score").glob("*.csv")
    }


def row(table, settings, value="mean ± std"):
    rows = table[(table["Settings"] == settings) & (table["Value"] == value)]
    assert len(rows) == 1
    return rows.iloc[0, 2:].to_dict()


def test_table_2_has_ours_and_the_papers_numbers_side_by_side(tmp_path):
    table = scored(tmp_path, register_rows("ours", {"a": [0.1, 0.3], "b": [0.2, 0.2]}))["table2"]

    assert list(table.columns) == ["Settings", "Value", "Ours", "GAN (gan)", "GAN (mine)", "Real"]
    assert row(table, "Deformation ↓") == {
        "Ours": "0.20 ± 0.08",
        "GAN (gan)": "no data: no training MR near enough",
        "GAN (mine)": "no data: no training MR near enough",
        "Real": "no data: real MR deforms to itself by 0",
    }
    assert row(table, "Deformation ↓", "n slices (volumes)")["Ours"] == "4 (2)"
    assert row(table, "Deformation ↓", "95% interval")["Ours"] == "0.20 to 0.20"
    assert row(table, "Deformation ↓", PAPER) == {
        "Ours": "0.46 ± 0.24",
        "GAN (gan)": "0.78 ± 0.46",
        "GAN (mine)": "not in the paper",
        "Real": "0.00 ± 0.00",
    }


def test_opinions_are_no_ratings_yet_until_there_are_some(tmp_path):
    table = scored(tmp_path / "without")["table2"]
    assert set(row(table, "MOS ↑, expert").values()) == {"no ratings yet"}
    assert set(row(table, "MOS ↑, beginner").values()) == {"no ratings yet"}
    assert row(table, "MOS ↑, expert", PAPER)["Real"] == "4.35 ± 0.97"

    counts = {"n_observers": 2, "n_images": 9, "n_volumes": 3}
    numbers = {"mean": 3.5, "std": 0.5, "ci_low": 3.0, "ci_high": 4.0}
    mos = [{"group": "expert", "run": run, **counts, **numbers} for run in ("ours", "real")]
    table = scored(tmp_path / "with", mos=mos)["table2"]

    rated = row(table, "MOS ↑, expert")
    assert (rated["Ours"], rated["Real"]) == ("3.50 ± 0.50", "3.50 ± 0.50")
    assert rated["GAN (gan)"] == "no ratings yet"
    assert row(table, "MOS ↑, expert", "95% interval")["Real"] == "3.00 to 4.00"
    assert row(table, "MOS ↑, expert", "n slices (volumes)")["Ours"] == "9 (3)"


def test_table_3_counts_slices_at_the_cap(tmp_path):
    probe = probe_rows("ours", {"a": [100.0, 100.0], "b": [100.0]})
    table = scored(tmp_path / "with", probe=probe)["table3"]

    name = "PSNR ↑ (dB), multiple squares"
    assert row(table, name)["Ours"] == "100.00 ± 0.00"
    assert row(table, name, "slices at the cap")["Ours"] == "3"
    assert row(table, name, PAPER)["GAN (gan)"] == "34.63 ± 13.05"
    assert row(table, name)["GAN (gan)"] == "no data: no square was stamped"
    empty = scored(tmp_path / "without")["table3"]
    assert set(row(empty, name).values()) == {"no data: no square was stamped"}


def test_tables_4_and_5_say_what_is_missing(tmp_path):
    rows = compare_rows("ours", "truth", {"a": [0.8, 0.6]})
    scores = scored(tmp_path, compare=rows)

    likeness = scores["table4"]
    assert row(likeness, "SSIM ↑, with the true MR")["Ours"] == "0.7000 ± 0.1414"
    assert (
        row(likeness, "SSIM ↑, with the true MR", "95% interval")["Ours"] == "no data: one volume"
    )
    missing = row(likeness, "SSIM ↑, registered")["Ours"]
    assert missing == "no data: no MR of the same test subject"
    assert row(likeness, "SSIM ↑, registered", PAPER)["Ours"] == "0.6250 ± 0.0586"
    missing = row(scores["table5"], "Slice index accuracy ↑")["Ours"]
    assert missing == "no data: this run predicts no position"


def test_no_cell_is_empty(tmp_path):
    for name, table in scored(tmp_path, register_rows("ours", {"a": [0.1]})).items():
        if name.startswith("table"):
            assert (table != "").all(axis=None), name


def test_values_of_the_paper_are_checked_by_name():
    values = load_yaml(CONFIG)
    for paper, expected in (
        ({"ours": {"deformations": [0.4]}}, "measures out of deformation"),
        ({"ours": {"deformation": []}}, "a mean, or a mean and a standard deviation"),
    ):
        messages = load(merge(values, {"score": {"paper": paper}}))[1]
        assert any("score.paper" in text and expected in text for text in messages), messages


def test_differences_by_hand(tmp_path):
    """Slices differ a lot, the runs on each by the same: only the paired interval shows it."""
    levels = {volume: [0.1 * number, 0.3 + 0.1 * number] for number, volume in enumerate("abcde")}
    better = {volume: [value + 0.05 for value in own] for volume, own in levels.items()}
    rows = [*register_rows("ours", levels), *register_rows("gan", better)]
    likeness = [*compare_rows("ours", "truth", {"a": [0.5, 0.9, 0.1]})]
    likeness += compare_rows("gan", "truth", {"a": [0.4, 0.8], "z": [0.0]})

    table = scored(tmp_path, rows, likeness)["differences"].set_index("measure")

    deformation = table.loc["deformation"]
    assert (deformation["run"], deformation["other"]) == ("ours", "gan")
    assert (deformation["n_slices"], deformation["n_volumes"]) == ("10", "5")
    assert float(deformation["difference"]) == pytest.approx(-0.05)
    assert float(deformation["ci_high"]) == pytest.approx(-0.05)
    assert deformation["better"] == "ours"
    ssim = table.loc["ssim"]
    assert (ssim["n_slices"], ssim["n_volumes"], ssim["better"]) == ("2", "1", "")
    assert float(ssim["difference"]) == pytest.approx(0.1)


def test_ratings_are_compared_on_the_images_that_runs_share(tmp_path):
    ratings = [
        {
            **{"observer": observer, "group": "expert", "image": f"{run}{volume}", "run": run},
            **{"volume": volume, "plane": "axial", "index": 3, "repeat_of": "", "rating": rating},
        }
        for observer, more in (("E1", 0), ("E2", 1))
        for run, rating in (("ours", 3 + more), ("gan", 2))
        for volume in "abc"
    ]
    again = {**ratings[0], "image": "again", "repeat_of": "oursa", "rating": 1}

    table = scored(tmp_path, ratings=[*ratings, again])["differences"]

    assert table[["stage", "measure", "kind"]].to_numpy().tolist() == [["rate", "mos", "expert"]]
    assert float(table["difference"][0]) == pytest.approx(np.mean([1, 2]))
    assert table["better"][0] == "ours"
