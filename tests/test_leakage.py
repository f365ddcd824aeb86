"""A model is not scored on a subject that it has seen; where that is asked for, all say so."""

import json
from pathlib import Path

import pandas as pd
import phantom_render
import pytest
from conftest import ROOT
from phantom_evaluate import compare_settings, register_settings, score_settings
from phantom_learn import settings as train_settings
from phantom_learn import some_slices, write_cohort

from ssus2mri import slices
from ssus2mri.config.base import load_section
from ssus2mri.config.evaluate import RenderSettings
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate.compare import run_compare
from ssus2mri.evaluate.register import run_register
from ssus2mri.evaluate.score import run_score
from ssus2mri.evaluate.tables import SEEN
from ssus2mri.infer.synthesize import run_synthesize
from ssus2mri.learn.model_file import read_model
from ssus2mri.learn.train import run_train
from ssus2mri.render.report import run_render

CONFIG = str(ROOT / "config" / "config.yaml")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of run `copy`, the slices it has seen, and those of a new subject, `us-new`."""
    folder = tmp_path_factory.mktemp("cohort")
    run_train(
        write_cohort(folder),
        run="copy",
        out=folder / "model.safetensors",
        checkpoints=folder / "checkpoints",
        settings=train_settings("copy"),
        threads=1,
    )
    slices.write(some_slices("us-new", split="test"), folder / "us-new.h5")
    return folder


def synthesize(cohort: Path, scan: str, out: Path, *, allow: bool) -> slices.Header:
    defaults = load_section(SynthesizeSettings, CONFIG, "synthesize")
    run_synthesize(
        cohort / "model.safetensors",
        [cohort / f"{scan}.h5"],
        run="copy",
        out=out,
        settings=defaults.model_copy(update={"allow_seen_subjects": allow}),
        threads=1,
    )
    return slices.read_header(out / f"{scan}.h5")


def test_a_subject_that_the_model_has_seen_is_refused(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"us-a\.h5: .*not trained .*allow_seen_subjects"):
        synthesize(cohort, "us-a", tmp_path / "out", allow=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("scan", "seen"), [("us-new", False), ("us-a", True)])
def test_the_certificate_travels_from_slices_to_tables(
    cohort: Path, tmp_path: Path, scan: str, seen: bool
) -> None:
    model = read_model(cohort / "model.safetensors")
    header = synthesize(cohort, scan, tmp_path, allow=True)
    assert (header.certificate, header.seen) == (model.certificate, seen)
    assert (header.subject in model.subjects) is seen
    rows, synthetic = (
        {"register": tmp_path / "r.csv", "compare": tmp_path / "c.csv"},
        [tmp_path / f"{scan}.h5"],
    )
    references = sorted(cohort.glob("mr-*.h5"))
    run_register(
        synthetic, references=references, out=rows["register"], settings=register_settings()
    )
    run_compare(
        synthetic,
        extracts=[cohort / f"{scan}.h5"],
        out=rows["compare"],
        settings=compare_settings(),
    )
    register = pd.read_csv(rows["register"], keep_default_na=False, dtype=str)
    assert set(register["certificate"]) == {model.certificate}
    assert set(register["seen"]) == {SEEN if seen else ""}
    assert set(register["split"]) == {header.split}
    run_score(
        register=[rows["register"]],
        compare=[rows["compare"]],
        probe=[],
        segment=[],
        mos=None,
        ratings=None,
        labels=json.dumps({"copy": "Copy"}),
        methods=json.dumps({"copy": "copy"}),
        out=tmp_path / "score",
        settings=score_settings(),
    )
    for name in ("deformation", "likeness", "auxiliary", "summary"):
        table = pd.read_csv(tmp_path / "score" / f"{name}.csv", dtype=str)
        assert set(table["certificate"]) == {model.certificate}, name
        assert set(table["n_seen"]) == {str(int(seen))}, name


@pytest.mark.parametrize("seen", [False, True])
def test_the_report_names_the_override(tmp_path: Path, seen: bool) -> None:
    folder = phantom_render.build(tmp_path)
    rows = folder / "register" / "ours.csv"
    table = pd.read_csv(rows, dtype=str, keep_default_na=False)
    table.loc[table["volume"] == phantom_render.VOLUMES[0], "seen"] = SEEN if seen else ""
    table.to_csv(rows, index=False)
    run_render(
        folder,
        labels=json.dumps(phantom_render.LABELS),
        volumes=list(phantom_render.VOLUMES),
        out=tmp_path / "report.html",
        settings=load_section(RenderSettings, CONFIG, "render"),
    )
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ("synthesize.allow_seen_subjects" in page) is seen
    assert (f"subjects of {phantom_render.VOLUMES[0]}," in page) is seen
