"""The studies: valid configurations, the subjects they promise, and the tables of their pages."""

import json
import subprocess
import sys

import pandas as pd
import phantom_render
import pytest
from conftest import CONFIG, ROOT

from ssus2mri.config.project import Project, load_files, run_settings
from ssus2mri.manifest import read

SMALL = ROOT / "config" / "small.yaml"
COHORT, CPU = (ROOT / "studies" / "cohort" / f"{name}.yaml" for name in ("cohort", "cpu"))
ABLATIONS = ROOT / "studies" / "ablations" / "ablations.yaml"
ON_CPU = [CONFIG, SMALL, COHORT, CPU]
OF_PREDICT = {"ours_adapted", "simulated"}  # studies/pretrain measures their network
MATCHED = {f"ours_match_{name}" for name in ("no_bilat", "no_struct", "no_att", "300", "100")}
LONG = {"ours_match_3d_i", "paired_3d_i", "ours_seed_2", "ours_match_seed_1"}
LONG |= {"cyclegan_seed_1", "cyclegan_seed_2", *MATCHED}  # for a GPU only


@pytest.fixture(scope="module")
def manifest():
    return read(ROOT / "studies" / "cohort" / "manifest.csv", val=0.1, test=0.2)


@pytest.mark.parametrize(
    ("files", "left_out"), [([CONFIG, COHORT], set()), (ON_CPU, LONG)], ids=["gpu", "cpu"]
)
def test_every_run_is_valid_and_enabled(files, left_out):
    values, messages = load_files(files)
    assert messages == []
    project = Project.model_validate(values)
    assert set(project.runs) - set(project.enabled_runs) == OF_PREDICT | left_out
    labels = [run_settings(values, run).label for run in project.runs]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("files", [[CONFIG, COHORT], ON_CPU], ids=["gpu", "cpu"])
def test_the_study_names_its_own_manifest(files):
    values, _ = load_files(files)
    assert (ROOT / values["manifest"]).is_file()


def test_without_a_gpu_it_has_part_of_the_subjects(manifest):
    part = read(ROOT / "studies" / "cohort" / "manifest_cpu.csv", val=0.1, test=0.2)
    assert all(manifest.rows[name] == row for name, row in part.rows.items())
    kinds = {row.pathology for row in manifest.rows.values()}
    assert {row.pathology for row in part.rows.values()} == kinds


def test_each_ablation_changes_one_setting():
    values, messages = load_files([CONFIG, SMALL, ABLATIONS])
    assert messages == []
    project = Project.model_validate(values)
    settings = {
        run: run_settings(values, run).model_dump(exclude={"label", "seed"})
        for run in project.enabled_runs
    }
    for run in set(settings) - {"default", "default_seed_1", "match_seed_1", "paired"}:
        base = settings[base_of(run)]
        differing = [name for name in base if settings[run][name] != base[name]]
        assert len(differing) == 1 or differing == ["epochs", "halve_every"], run  # one length


def base_of(run: str) -> str:
    """Return the run that an ablation is compared with."""
    if run == "match_1000_longer":
        return "match_longer"
    return "match" if run.startswith("match_") else "default"


def test_three_seeds_differ_in_nothing_else():
    values = load_files(ON_CPU)[0]
    for run in ("ours", "cyclegan"):
        runs = [run_settings(values, name) for name in (run, f"{run}_seed_1", f"{run}_seed_2")]
        assert [settings.seed for settings in runs] == [0, 1, 2]
        first, *rest = (settings.model_dump(exclude={"seed", "label"}) for settings in runs)
        assert rest == [first, first]


def test_subjects(manifest):
    counts = {
        (modality, split): len(manifest.where(modality=modality, split=split))
        for modality in ("us", "mr")
        for split in ("train", "val", "test")
    }
    assert counts == {
        ("us", "train"): 60,
        ("us", "val"): 6,
        ("us", "test"): 16,
        ("mr", "train"): 2,
        ("mr", "val"): 0,
        ("mr", "test"): 12,
    }
    assert len([row for row in manifest.where(split="test", modality="us") if row.pathology]) == 4
    assert not [row for row in manifest.where(split="train") if row.pathology]
    assert all(row.simulated and 22 <= row.ga_weeks <= 24 for row in manifest.rows.values())


def test_ultrasound_and_mr_are_of_the_same_person_only_in_the_test(manifest):
    us = {row.subject for row in manifest.where(modality="us")}
    for row in manifest.where(modality="mr"):
        assert (row.subject in us) == (row.split == "test")
        assert not row.pathology


def printed(script: str, *arguments: str) -> str:
    """Run a script of a study and return what it prints."""
    command = [sys.executable, str(ROOT / "studies" / script), *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def test_tables_of_the_cohort(tmp_path):
    root = phantom_render.build(tmp_path / "results", positions=True, labels=phantom_render.BOUNDED)
    for path in root.glob("train/*/train.json"):
        training = json.loads(path.read_text()) | {"epochs": 12, "steps": 480, "kept_epoch": 11}
        training |= {"parameters": {"generator": 1000}, "images_per_second": 9.0, "seconds": 90.0}
        path.write_text(json.dumps(training))
    page = printed("cohort/tables.py", str(root), "--out", str(tmp_path / "cohort"))
    rows = {line.split("|")[1].strip(" `"): line.split("|")[2:-1] for line in page.splitlines()}
    scores = pd.read_csv(root / "score" / "summary.csv")
    scores = scores[(scores["plane"] == "all") & (scores["kind"] == "truth")]
    truth = scores.set_index(["run", "measure"])["mean"]
    gaps = pd.read_csv(tmp_path / "cohort_gap_closed.csv").set_index(["run", "measure"])["share"]
    for run in phantom_render.BOUNDED:
        ssim, psnr, gap_ssim, gap_psnr, _ = map(str.strip, rows[run])
        assert ssim.startswith(f"{truth[run, 'ssim']:.3f} ± ")
        assert psnr.startswith(f"{truth[run, 'psnr']:.1f} ± ")
        if run in ("ours", "gan"):
            share = (truth[run, "ssim"] - truth["atlas", "ssim"]) / (
                truth["bound", "ssim"] - truth["atlas", "ssim"]
            )
            assert gap_ssim.startswith(f"{100 * share:.0f} % (")
            assert gaps[run, "ssim"] == pytest.approx(share, abs=1e-3)
        else:
            assert (gap_ssim, gap_psnr) == ("–", "–")
    assert float(rows["atlas"][-1]) == 0
    summary = pd.read_csv(tmp_path / "cohort.csv")
    assert (summary["n_slices"] > 0).all()
    written = summary[summary["kind"] == "truth"].set_index(["run", "measure"])["mean"]
    assert written.to_dict() == pytest.approx(truth[written.index].to_dict(), rel=1e-3)
    position = pd.read_csv(tmp_path / "cohort_position.csv")
    assert set(position["run"]) == {"ours"}
    trainings = pd.read_csv(tmp_path / "cohort_training.csv").set_index("run")
    assert trainings.loc["ours", ["steps", "kept_epoch", "minutes"]].tolist() == [480, 11, 1.5]
    assert (tmp_path / "cohort_pathology.csv").is_file()


def test_table_of_the_ablations(tmp_path):
    for run, ssim in {"default": [0.1, 0.3, 0.2], "better": [0.2, 0.4, 0.5]}.items():
        folder = tmp_path / "train" / run
        folder.mkdir(parents=True)
        epochs = pd.DataFrame({"epoch": [1, 2, 3], "step": [10, 20, 30]})
        epochs["val_truth_ssim"], epochs["val_truth_psnr"] = ssim, 10.0
        epochs["val_criterion"] = [3.0, 1.0, 2.0]  # the second epoch is chosen
        epochs.to_csv(folder / "losses.csv", index=False)
        (folder / "train.json").write_text(json.dumps({"seconds_per_epoch": [5.0, 5.0, 5.0]}))
    out = tmp_path / "ablations.csv"
    assert printed("ablations/table.py", str(tmp_path), str(out)) == ""
    table = pd.read_csv(out)
    assert table["run"].tolist() == ["better", "default"]
    assert table["ssim"].tolist() == [0.4, 0.3]
    assert table["epoch"].tolist() == [2, 2]
    assert table["ssim_last_epoch"].tolist() == [0.5, 0.2]
    assert table["ssim_best_epoch"].tolist() == [0.5, 0.3]
    assert table["criterion_rank"].tolist() == [0.5, 1.0]
    assert table["seconds_per_step"].tolist() == [0.5, 0.5]
