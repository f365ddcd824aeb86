"""Tissues and sizes of segmented syntheses against known truth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import configured
from phantom_evaluate import header, store
from phantom_segment import ByIntensity, coded

from ssus2mri.config.evaluate import SegmentSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import delineate, tables
from ssus2mri.evaluate import segment as stage
from ssus2mri.evaluate.delineate import read_delineation, run_delineate
from ssus2mri.evaluate.segment import dices, run_segment
from ssus2mri.segment.classes import class_of
from ssus2mri.slices import Slices
from ssus2mri.slicing import cut
from ssus2mri.tissues import Tissue

SIZE, SPACING = 40, 0.8  # the network's own grid: nothing is resampled
SETTINGS = configured(SegmentSettings, "segment")
PLACES = [(0, index) for index in range(SIZE)]


def brain(width=4):
    labels = np.zeros((SIZE,) * 3, np.uint8)
    labels[4:36, 2:38, 2:38] = Tissue.WHITE_MATTER
    labels[18:22, 8:12, 16:24] = Tissue.DEEP_GREY
    for left in (6, 30):
        labels[18:22, 22:36, left : left + width] = Tissue.VENTRICLES
    labels[20, 22:24, 6:8] = Tissue.CHOROID_PLEXUS  # a part of its ventricle
    return labels


def showing(labels, volume="scan", **changes):
    """Slices whose grey values are classes of tissue."""
    plane, index = np.array(PLACES).T
    return Slices(
        header(volume, subject="s", spacing_mm=SPACING, size=SIZE, **changes),
        cut(coded(class_of(labels)), plane, index).astype(np.float16),
        plane.astype(np.uint8),
        index.astype(np.int16),
        np.ones((SIZE, SIZE, SIZE), bool),
    )


def files(folder, shown, truth, **changes):
    """Slice files of a synthesis that shows some labels, and of a scan whose labels are others."""
    us = showing(truth, modality="us", split="test", **changes)
    us = replace(us, truth=us.image, labels=cut(truth, us.plane, us.index))
    synthetic = showing(shown, run="ours", split="test", **changes)
    return store(folder / "synthesize", synthetic), store(folder / "extract", us)


def training_mr(folder, labels, volume="mr"):
    """A slice file of training MR."""
    return store(folder / "extract", showing(labels, volume))


@pytest.fixture(autouse=True)
def _by_intensity(monkeypatch):
    for module in (stage, delineate):
        monkeypatch.setattr(module, "load_network", ByIntensity)


def rows_of(folder, synthetic, us, references=()):
    out, tissues = folder / "segment" / "ours.csv", folder / "delineate"
    run_delineate([us], references=references, out=tissues)
    run_segment([synthetic], extracts=[us], delineated=tissues, out=out, settings=SETTINGS)
    return pd.read_csv(out)


def test_perfect_synthesis(tmp_path):
    rows = rows_of(tmp_path, *files(tmp_path, brain(), brain()))

    assert tuple(rows.columns) == tables.SEGMENT
    table = rows.set_index("measure")
    assert table.loc["dice_mean", ["value", "truth", "true_mr"]].tolist() == [1, 1, 1]
    assert table.loc["dice_ventricles", "value"] == 1
    assert np.isnan(table.loc["dice_cortex", "value"])  # nobody has any
    measured = rows[rows["value"].notna()]
    assert (measured["value"] == measured["truth"]).all()
    assert table.loc["biparietal", "truth"] == pytest.approx(36 * SPACING)
    assert table.loc["volume_deep_grey", "truth"] == pytest.approx(128 * SPACING**3 / 1000)
    assert table.loc[["atrium", "volume_cortex", "dice_mean"], "unit"].fillna("").tolist() == [
        *("mm", "ml", "")
    ]


def test_shrunk_ventricles_are_told_in_overlap_volume_and_width(tmp_path):
    table = rows_of(tmp_path, *files(tmp_path, brain(2), brain(4))).set_index("measure")

    assert table.loc["dice_ventricles", "value"] == pytest.approx(2 / 3)
    assert table.loc["dice_ventricles", "true_mr"] == 1
    volume = table.loc["volume_ventricles"]
    assert volume["value"] == pytest.approx(volume["truth"] / 2)
    assert table.loc["atrium", "truth"] - table.loc["atrium", "value"] == pytest.approx(1.6)


def test_pathology_is_named(tmp_path):
    rows = rows_of(tmp_path, *files(tmp_path, brain(), brain(), pathology="wide"))

    assert set(rows["pathology"]) == {"wide"}


def test_scan_without_true_labels_is_measured_without_truth(tmp_path):
    synthetic, us = files(tmp_path, brain(), brain())
    store(tmp_path / "extract", replace(stage.read(us), labels=None))

    both, row, atlas = rows_of(tmp_path, synthetic, us).to_dict("records")
    assert [both["measure"], row["measure"], atlas["measure"]] == [
        *("agreement", "tissues_scan", "tissues_atlas")
    ]
    assert np.isnan([both["value"], atlas["value"]]).all()  # there is no training MR
    assert 0 < row["value"] < 1
    assert np.isnan(row["truth"])
    assert np.isnan(row["true_mr"])


def test_moved_tissues_explain_the_scan_less_than_the_true_ones(tmp_path):
    moved = np.roll(brain(), 5, axis=1)

    table = rows_of(tmp_path, *files(tmp_path, moved, brain())).set_index("measure")

    row = table.loc["tissues_scan"]
    assert row["value"] < 0.7 * row["truth"]
    assert row["true_mr"] == row["truth"]


def test_agreement_asks_for_both_the_scan_and_a_head(tmp_path):
    """Training MR whose tissues lie elsewhere: the true ones get less than what they explain."""
    synthetic, us = files(tmp_path, brain(), brain())
    same = training_mr(tmp_path, brain(), "same")
    other = training_mr(tmp_path, np.roll(brain(), 9, axis=1), "other")

    like, unlike = (
        rows_of(tmp_path, synthetic, us, [mr]).set_index("measure")["value"] for mr in (same, other)
    )
    assert like["tissues_atlas"] == 1
    assert like["agreement"] == like["tissues_scan"]
    share = unlike["tissues_atlas"] / SETTINGS.typical_dice
    assert share < 1
    assert unlike["agreement"] == pytest.approx(unlike["tissues_scan"] * share**2, abs=1e-5)


def test_a_plane_is_measured_as_a_volume_is(tmp_path):
    paths = files(tmp_path, brain(), brain())
    for path in paths:
        whole = stage.read(path)
        arrays = {name: getattr(whole, name)[20:21] for name in ("image", "plane", "index", "head")}
        store(path.parent, replace(whole, **arrays, truth=None, labels=None))
    mr = training_mr(tmp_path, brain())

    values = rows_of(tmp_path, *paths, [mr]).set_index("measure")["value"]
    assert list(values.index) == ["agreement", "tissues_scan", "tissues_atlas"]
    assert values["tissues_atlas"] == 1
    assert values["agreement"] == values["tissues_scan"] > 0


def test_synthesis_without_its_ultrasound_is_refused(tmp_path):
    synthetic, _ = files(tmp_path, brain(), brain())

    with pytest.raises(InputError, match="scan"):
        run_segment(
            [synthetic], extracts=[], delineated=tmp_path, out=tmp_path / "o.csv", settings=SETTINGS
        )
    assert not (tmp_path / "o.csv").exists()


def test_tissues_of_real_mr_are_found_once_for_all_runs(tmp_path, monkeypatch):
    """`segment` segments nothing but the synthesis."""
    synthetic, us = files(tmp_path, brain(2), brain())
    run_delineate([us], references=[training_mr(tmp_path, brain(3))], out=tmp_path)

    real = read_delineation(tmp_path, "scan", (SIZE,) * 3)
    assert (real.training == class_of(brain(3))).all()
    assert (real.true_mr == class_of(brain())).all()

    segmented = []
    monkeypatch.setattr(
        stage, "segment", lambda slices, network: segmented.append(slices) or real.training
    )
    run_segment(
        [synthetic, synthetic],
        extracts=[us],
        delineated=tmp_path,
        out=tmp_path / "ours.csv",
        settings=SETTINGS,
    )
    assert [slices.header.run for slices in segmented] == ["ours", "ours"]


@pytest.mark.parametrize(("changes", "expected"), [({}, {"true_mr"}), ({"uncertain": True}, set())])
def test_only_tissues_that_are_needed_are_delineated(tmp_path, changes, expected):
    _, us = files(tmp_path, brain(), brain(), **changes)
    run_delineate([us], references=[], out=tmp_path)

    with np.load(tmp_path / "scan.npz") as stored:
        assert set(stored) == expected


def test_tissues_of_another_grid_and_damaged_ones_are_refused(tmp_path):
    _, us = files(tmp_path, brain(), brain())
    run_delineate([us], references=[], out=tmp_path)

    with pytest.raises(InputError, match=r"scan.npz, true_mr: expected shape \(41, 41, 41\)"):
        read_delineation(tmp_path, "scan", (SIZE + 1,) * 3)
    content = bytearray((tmp_path / "scan.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "scan.npz").write_bytes(content)
    with pytest.raises(InputError, match="Run `delineate` again"):
        read_delineation(tmp_path, "scan", (SIZE,) * 3)


def test_references_of_another_grid_and_syntheses_are_refused(tmp_path):
    synthetic, us = files(tmp_path, brain(), brain())
    coarse = showing(brain(), "coarse")
    coarse = replace(coarse, header=replace(coarse.header, spacing_mm=1.0))

    for reference, message in (
        (store(tmp_path / "coarse", coarse), "the grid of"),
        (synthetic, "slices of a real MR"),
    ):
        with pytest.raises(InputError, match=message):
            run_delineate([us], references=[reference], out=tmp_path / "out")


def test_mean_dice_counts_a_tissue_that_the_synthesis_lost():
    truth = np.array([1, 1, 2, 2])

    assert dices(np.array([1, 1, 0, 0]), truth)["dice_mean"] == 0.5
    assert dices(truth * 0, truth)["dice_mean"] == 0
    assert dices(truth, truth * 0)["dice_mean"] is None
