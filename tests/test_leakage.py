"""A model is not scored on a subject that it has seen; where that is asked for, all say so."""

import json
from pathlib import Path

import pandas as pd
import phantom_render
import pytest
from conftest import configured
from phantom_evaluate import compare_settings, register_settings, score
from phantom_learn import settings as train_settings
from phantom_learn import some_slices, write_cohort
from phantom_train import train

from ssus2mri import slices
from ssus2mri.config.evaluate import ProbeSettings
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.compare import COLUMNS, run_compare
from ssus2mri.evaluate.paper_tables import PAPER_TABLES
from ssus2mri.evaluate.register import run_register
from ssus2mri.evaluate.tables import SEEN
from ssus2mri.infer.explain import run_explain
from ssus2mri.infer.synthesize import run_synthesize
from ssus2mri.learn.model_file import read_model, write_model
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.provenance import certificate


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of run `copy`, the slices it has seen, and those of a new subject, `us-new`."""
    folder = tmp_path_factory.mktemp("cohort")
    train(folder, write_cohort(folder), "copy")
    slices.write(some_slices("us-new", split="test"), folder / "us-new.h5")
    return folder


def synthesize(cohort: Path, scan: str, out: Path) -> slices.Header:
    run_synthesize(
        cohort / "model.safetensors",
        [cohort / f"{scan}.h5"],
        run="copy",
        out=out,
        settings=configured(SynthesizeSettings, "synthesize", allow_seen_subjects=True),
        threads=1,
    )
    return slices.read_header(out / f"{scan}.h5")


def test_squares_are_not_stamped_into_a_subject_that_the_model_has_seen(
    cohort: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"us-a\.h5: .*not trained .*allow_seen_subjects"):
        run_explain(
            cohort / "model.safetensors",
            cohort / "us-a.h5",
            run="copy",
            out=tmp_path / "copy.npz",
            settings=configured(ProbeSettings, "probe"),
            synthesis=configured(SynthesizeSettings, "synthesize"),
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("scan", "seen"), [("us-new", False), ("us-a", True)])
def test_the_certificate_travels_from_slices_to_tables(
    cohort: Path, tmp_path: Path, scan: str, seen: bool
) -> None:
    model = read_model(cohort / "model.safetensors")
    header = synthesize(cohort, scan, tmp_path)
    assert (header.certificate, header.seen) == (model.certificate, seen)
    assert (header.subject in model.subjects) is seen
    rows = {"register": tmp_path / "r.csv", "compare": tmp_path / "c.csv"}
    synthetic, us = [tmp_path / f"{scan}.h5"], [cohort / f"{scan}.h5"]
    mr = sorted(cohort.glob("mr-*.h5"))
    run_register(synthetic, references=mr, out=rows["register"], settings=register_settings())
    run_compare(synthetic, extracts=us, out=rows["compare"], settings=compare_settings())
    register = pd.read_csv(rows["register"], keep_default_na=False, dtype=str)
    assert set(register["certificate"]) == {model.certificate}
    assert set(register["seen"]) == {SEEN if seen else ""}
    assert set(register["split"]) == {header.split}
    paths = {stage: [path] for stage, path in rows.items()}
    score(tmp_path / "score", {"copy": "Copy"}, {"copy": "copy"}, **paths)
    for name in ("deformation", "likeness", "auxiliary", "summary"):
        table = pd.read_csv(tmp_path / "score" / f"{name}.csv", dtype=str)
        assert set(table["certificate"]) == {model.certificate}, name
        assert set(table["n_seen"]) == {str(int(seen))}, name
    for name in PAPER_TABLES:
        table = pd.read_csv(tmp_path / "score" / f"{name}.csv", dtype=str)
        assert list(table["Copy"][:2]) == [model.certificate, str(int(seen))], name


def test_a_model_has_seen_all_that_the_one_it_starts_from_has(tmp_path: Path) -> None:
    changes = {"epochs": 1, "steps_per_epoch": 1}
    settings = train_settings("ours", **changes)
    start = tmp_path / "start.safetensors"
    state = make_objective(settings).generator.state_dict()
    write_model(start, state, run="ours", settings=settings, subjects=("elsewhere",))
    train(tmp_path, write_cohort(tmp_path), "ours", start=str(start), **changes)
    own = json.loads((tmp_path / "train.json").read_text())["subjects"]
    model = read_model(tmp_path / "model.safetensors")
    assert model.subjects == tuple(sorted([*own, "elsewhere"]))
    assert model.certificate == certificate(model.subjects)["subjects_hash"]


BOUNDS = {"ours": "synthesis", "low": "atlas", "high": "paired"}
"""Run -> its method: one trained run between two bounds."""
CERTIFICATES = {"ours": "a" * 12, "low": "b" * 12, "high": "c" * 12}
SEEN_BY = {"ours": [], "low": ["us-1"], "high": ["us-1", "us-2"]}


def test_a_row_about_several_runs_names_all_their_models(tmp_path: Path) -> None:
    """And the most scans that any of these has seen."""
    for number, run in enumerate(BOUNDS):
        rows = [
            {
                **{"run": run, "volume": volume, "subject": volume, "split": "test"},
                **{"certificate": CERTIFICATES[run], "plane": "axial", "index": 3},
                "seen": SEEN if volume in SEEN_BY[run] else "",
                **{"kind": "truth", "ssim": 0.5 + number / 10, "psnr": 20.0 + number},
            }
            for volume in ("us-1", "us-2", "us-3")
        ]
        tables.write(rows, COLUMNS, tmp_path / f"{run}.csv")
    names = {run: run for run in BOUNDS}
    score(tmp_path, names, BOUNDS, compare=[tmp_path / f"{run}.csv" for run in BOUNDS])
    gap, differences = (
        pd.read_csv(tmp_path / f"{name}.csv", dtype=str) for name in ("gap_closed", "differences")
    )
    assert set(gap["certificate"]) == {" ".join(CERTIFICATES.values())}
    assert set(gap["n_seen"]) == {"2"}
    marks = {
        (row.run, row.other): (row.certificate, row.n_seen) for row in differences.itertuples()
    }
    assert marks == {
        ("ours", "low"): (f"{'a' * 12} {'b' * 12}", "1"),
        ("ours", "high"): (f"{'a' * 12} {'c' * 12}", "2"),
        ("low", "high"): (f"{'b' * 12} {'c' * 12}", "2"),
    }


@pytest.mark.parametrize("seen", [False, True])
def test_the_report_names_the_override(tmp_path: Path, seen: bool) -> None:
    folder = phantom_render.build(tmp_path / "results")
    rows = folder / "register" / "ours.csv"
    table = pd.read_csv(rows, dtype=str, keep_default_na=False)
    table.loc[table["volume"] == phantom_render.VOLUMES[0], "seen"] = SEEN if seen else ""
    table.to_csv(rows, index=False)
    page = phantom_render.render(folder).read_text(encoding="utf-8")
    assert ("synthesize.allow_seen_subjects" in page) is seen
    assert (f"subjects of {phantom_render.VOLUMES[0]}," in page) is seen
