import numpy as np
import pandas as pd
import pytest
from phantom_evaluate import score, score_settings

from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.bootstrap import interval
from ssus2mri.evaluate.compare import COLUMNS
from ssus2mri.evaluate.paper_tables import PAPER_TABLES
from ssus2mri.evaluate.score import TABLES as SCORE_TABLES

TABLES = (*PAPER_TABLES, *SCORE_TABLES)
LABELS = {"ours": "Ours", "copy": "Copy of the US"}
METHODS = {"ours": "synthesis", "copy": "copy"}


def register_rows(run, values):
    """Rows of deformation scores: volume -> numbers."""
    return [
        {
            "run": run,
            "volume": volume,
            "subject": volume,
            "plane": "axial" if place % 2 else "sagittal",
            "index": place,
            "reference": "NA",
            "similarity_after": 0.5,
            "deformation": value,
        }
        for volume, numbers in values.items()
        for place, value in enumerate(numbers)
    ]


def compare_rows(run, kind, values):
    return [
        {**row, "kind": kind, "ssim": row.pop("deformation")} for row in register_rows(run, values)
    ]


def scored(tmp_path, register, compare=(), labels=LABELS, **settings):
    paths = {"register": [], "compare": []}
    for stage, columns, all_rows in (
        ("register", tables.REGISTER, register),
        ("compare", COLUMNS, compare),
    ):
        for run in labels:
            path = tmp_path / stage / f"{run}.csv"
            tables.write([row for row in all_rows if row["run"] == run], columns, path)
            paths[stage].append(path)
    out = tmp_path / "score"
    score(out, labels, METHODS, **paths, **settings)
    return {name: pd.read_csv(out / f"{name}.csv") for name in TABLES}


def test_numbers_of_a_table_by_hand(tmp_path):
    rows = register_rows("ours", {"007": [0.0, 0.2], "b": [0.4, 0.6]})

    table = scored(tmp_path, rows)["deformation"].iloc[0]

    assert table["label"] == "Ours"
    assert (table["n_slices"], table["n_volumes"]) == (4, 2)
    assert table["deformation_mean"] == pytest.approx(0.3)
    assert table["deformation_std"] == pytest.approx(np.std([0, 0.2, 0.4, 0.6], ddof=1), abs=1e-6)
    assert table["similarity_after_mean"] == pytest.approx(0.5)
    # Two volumes of means 0.1 and 0.5: resamples give 0.1, 0.3 and 0.5.
    assert (table["deformation_ci_low"], table["deformation_ci_high"]) == (0.1, 0.5)


def test_runs_keep_their_order_and_stay_when_empty(tmp_path):
    scores = scored(tmp_path, register_rows("copy", {"a": [0.5]}))

    assert scores["deformation"]["run"].tolist() == ["ours", "copy"]
    assert scores["deformation"]["n_slices"].tolist() == [0, 1]
    assert scores["likeness"]["kind"].tolist() == ["pair", "truth"] * 2
    assert scores["likeness"]["n_slices"].tolist() == [0] * 4
    assert "nan" not in (tmp_path / "score" / "deformation.csv").read_text().lower()


def test_one_volume_has_no_interval(tmp_path):
    row = scored(tmp_path, register_rows("ours", {"a": [0.1, 0.2]}))["deformation"].iloc[0]

    assert row["deformation_std"] > 0
    assert np.isnan(row["deformation_ci_low"])
    assert np.isnan(row["deformation_ci_high"])


def test_kinds_stay_apart(tmp_path):
    rows = [
        *compare_rows("ours", "truth", {"a": [0.8, 0.8]}),
        *compare_rows("ours", "pair", {"a": [0.4]}),
    ]

    scores = scored(tmp_path, [], rows)

    pair, truth = scores["likeness"].iloc[0], scores["likeness"].iloc[1]
    assert (pair["ssim_mean"], truth["ssim_mean"]) == (0.4, 0.8)
    assert (pair["n_slices"], truth["n_slices"]) == (1, 2)
    assert np.isnan(truth["ssim_registered_mean"])


def test_summary_holds_every_measure_and_plane(tmp_path):
    rows = register_rows("ours", {"a": [0.0, 0.2], "b": [0.4, 0.6]})

    summary = scored(tmp_path, rows, compare_rows("ours", "truth", {"a": [0.5]}))["summary"]

    assert set(COLUMNS) - set(tables.TEXT) <= set(summary["measure"])
    measured = summary[(summary["run"] == "ours") & (summary["measure"] == "deformation")]
    means = dict(zip(measured["plane"], measured["mean"], strict=True))
    assert means == pytest.approx({"all": 0.3, "axial": 0.4, "sagittal": 0.2})


def test_positions_stand_beside_the_deformation(tmp_path):
    """Table V: the paper's deformation, then how well a run knows where its slices are."""
    positions = [
        {**row, "plane_right": 1.0, "index_right": value, "index_error": 4.0, "index_error_mm": 2.4}
        for row, value in zip(
            compare_rows("ours", "position", {"a": [np.nan] * 2, "b": [np.nan] * 2}),
            (1.0, 1.0, 1.0, 0.0),
            strict=True,
        )
    ]

    scores = scored(tmp_path, register_rows("ours", {"a": [0.1], "b": [0.3]}), positions)

    ours, copy = (row for _, row in scores["auxiliary"].iterrows())
    assert (ours["deformation_mean"], ours["index_right_mean"]) == (0.2, 0.75)
    assert (ours["index_right_ci_low"], ours["index_right_ci_high"]) == (0.5, 1.0)
    assert (ours["plane_right_mean"], ours["index_error_mm_mean"]) == (1.0, 2.4)
    assert (ours["n_slices"], ours["n_positions"]) == (2, 4)
    assert copy["n_positions"] == 0
    assert np.isnan(copy["index_right_mean"])
    assert (scores["likeness"]["n_slices"] == 0).all()
    summary = scores["summary"]
    assert set(summary[summary["measure"] == "index_error"]["kind"]) == {"position"}
    assert set(summary[summary["kind"] == "position"]["measure"]) == set(tables.POSITION)


def test_positions_by_plane(tmp_path):
    """By hand: sagittal slices of both volumes are right once in two, axial ones always."""
    slices = compare_rows("ours", "position", {"a": [np.nan] * 2, "b": [np.nan] * 2})
    rows = [
        {**row, "index_right": right, "index_right_either_side": 1.0}
        for row, right in zip(slices, (0.0, 1.0, 1.0, 1.0), strict=True)
    ]
    with_pathology = [{**row, "pathology": "cyst", "volume": "c"} for row in rows]

    scores = scored(tmp_path, [], [*rows, *with_pathology])["position"].set_index("plane")

    assert list(scores.index) == ["axial", "sagittal", "all"]
    assert set(scores["run"]) == {"ours"}
    assert scores["n_slices"].tolist() == [2, 2, 4]
    assert scores["n_volumes"].tolist() == [2, 2, 2]
    assert scores["index_right_mean"].tolist() == [1.0, 0.5, 0.75]
    assert scores["index_right_std"].tolist() == pytest.approx([0, 0.5**0.5, 0.5], abs=1e-6)
    assert (scores["index_right_ci_low"]["sagittal"], scores["index_right_ci_high"]["all"]) == (
        0,
        1,
    )
    assert set(scores["index_right_either_side_mean"]) == {1.0}
    assert scores["plane_right_mean"].isna().all()


def test_subjects_with_pathology_stand_apart(tmp_path):
    """The tables know healthy subjects only; `pathology` has both, the healthy first."""
    healthy = compare_rows("ours", "truth", {"a": [0.8, 0.6], "b": [0.4]})
    with_pathology = compare_rows("ours", "truth", {"c": [0.1, 0.3], "d": [0.2]})
    rows = [
        *({**row, "mae_ventricles": 0.1} for row in healthy),
        *({**row, "pathology": "cyst", "mae_cyst": row["ssim"]} for row in with_pathology),
        *({**row, "pathology": "cyst"} for row in compare_rows("ours", "pair", {"c": [0.9]})),
    ]
    deformed = [
        *register_rows("ours", {"a": [0.2]}),
        *({**row, "pathology": "cyst"} for row in register_rows("ours", {"c": [0.0]})),
    ]

    scores = scored(tmp_path, deformed, rows)

    assert scores["deformation"]["deformation_mean"][0] == 0.2
    assert scores["auxiliary"]["deformation_mean"][0] == 0.2
    assert scores["likeness"]["ssim_mean"][1] == pytest.approx(0.6)
    assert scores["likeness"]["n_slices"].tolist() == [0, 3, 0, 0]
    measured = scores["summary"].query("plane == 'all' and run == 'ours'")
    assert measured.query("measure == 'ssim'")["n_volumes"].tolist() == [0, 2]
    assert measured.query("measure == 'mae_cyst'")["n_slices"].tolist() == [0, 0]
    keys = ["pathology", "measure"]
    table = scores["pathology"].set_index(keys)
    assert list(table.index) == [
        ("none", "ssim"),
        ("none", "mae_ventricles"),
        ("cyst", "ssim"),
        ("cyst", "mae_cyst"),
    ]
    assert set(table["run"]) == {"ours"}
    assert table["mean"].tolist() == pytest.approx([0.6, 0.1, 0.2, 0.2])
    assert table["n_slices"].tolist() == [3] * 4
    assert table["n_volumes"].tolist() == [2] * 4
    assert table["std"]["cyst", "ssim"] == pytest.approx(0.1)
    # The volumes' means are both 0.2.
    assert table["ci_low"]["cyst", "mae_cyst"] == pytest.approx(0.2)
    assert (table["ci_low"]["none", "ssim"], table["ci_high"]["none", "ssim"]) == (0.4, 0.7)


def test_without_any_truth_nothing_is_said_of_pathology(tmp_path):
    rows = [{**row, "pathology": "cyst"} for row in compare_rows("ours", "pair", {"a": [0.4]})]
    assert scored(tmp_path, [], rows)["pathology"].empty


def test_same_input_same_bytes(tmp_path):
    rows = register_rows("ours", {name: [0.1, 0.3, ord(name) / 200] for name in "abcde"})

    for folder in ("one", "two"):
        scored(tmp_path / folder, rows)

    for name in TABLES:
        first, second = (tmp_path / f / "score" / f"{name}.csv" for f in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()


def test_interval_covers_the_mean_as_often_as_it_says():
    generator = np.random.default_rng(0)
    settings = score_settings(bootstrap_samples=200)
    volumes = np.repeat(np.arange(30).astype(str), 4)
    covered = 0
    for _ in range(100):
        # Slices of a volume share nearly all of their deviation.
        values = np.repeat(generator.standard_normal(30), 4)
        values += 0.1 * generator.standard_normal(120)
        low, high = interval(values, volumes, settings=settings)
        covered += low <= 0 <= high

    assert 85 <= covered <= 100


def test_run_without_a_label_is_refused(tmp_path):
    path = tmp_path / "register" / "old.csv"
    tables.write(register_rows("old", {"a": [0.1]}), tables.REGISTER, path)

    with pytest.raises(InputError, match=r"old\.csv: expected rows of the runs ours, copy"):
        score(tmp_path, LABELS, METHODS, register=[path])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "a CSV with columns"),
        ("run,volume\n", "no column subject"),
        (",".join(tables.REGISTER) + "\n" + "x," * 11 + "much\n", "a CSV with columns"),
    ],
)
def test_file_that_is_no_table_is_refused(tmp_path, text, message):
    path = tmp_path / "register" / "ours.csv"
    path.parent.mkdir()
    if text is not None:
        path.write_text(text)

    with pytest.raises(InputError, match=message):
        score(tmp_path, LABELS, METHODS, register=[path])
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize("methods", [{"ours": "synthesis"}, {"ours": "copy", "copy": "magic"}])
def test_run_without_a_known_method_is_refused(tmp_path, methods):
    with pytest.raises(InputError, match=r"--methods: expected .*; found copy: (none|magic)"):
        score(tmp_path, LABELS, methods)
