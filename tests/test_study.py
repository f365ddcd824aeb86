"""The study: its configurations are valid and its subjects are those that it promises."""

import pytest
from conftest import ROOT

from ssus2mri.config.project import Project, load_files, run_settings
from ssus2mri.manifest import read

FILES = [ROOT / "config" / name for name in ("config.yaml", "study.yaml", "study_cpu.yaml")]


@pytest.fixture(scope="module")
def manifest():
    return read(ROOT / "study_manifest.csv", val=0.1, test=0.2)


@pytest.mark.parametrize("files", [FILES[:2], FILES], ids=["gpu", "cpu"])
def test_every_run_is_valid_and_enabled(files):
    values, messages = load_files(files)
    assert messages == []
    project = Project.model_validate(values)
    assert sorted(project.enabled_runs) == sorted(project.runs)
    labels = [run_settings(values, run).label for run in project.runs]
    assert len(set(labels)) == len(labels)


def test_each_choice_is_valid_and_is_one_choice():
    values, messages = load_files([FILES[0], FILES[1], ROOT / "config" / "choices.yaml"])
    assert messages == []
    project = Project.model_validate(values)
    known = {
        run: run_settings(values, run).model_dump(exclude={"label", "seed"})
        for run in project.enabled_runs
    }
    for run in set(known) - {"default", "default_seed_1", "longer", "match_seed_1"}:
        variants = [base for base in ("longer", "match") if run.startswith(f"{base}_")]
        like = known[next(iter(variants), "default")]
        differing = [name for name in like if known[run][name] != like[name]]
        assert len(differing) == 1, run


def test_the_long_training_is_three_times_the_short_one():
    short = [*FILES[:2], ROOT / "config" / "study_gpu.yaml"]
    long, messages = load_files([*short, ROOT / "config" / "study_long.yaml"])
    assert messages == []
    values = load_files(short)[0]
    project = Project.model_validate(long)
    for run in set(project.enabled_runs) & set(project.runs):
        settings, before = run_settings(long, run), run_settings(values, run)
        assert settings.epochs == 3 * before.epochs, run
        plain = [one.model_dump(exclude={"epochs", "halve_every"}) for one in (settings, before)]
        assert plain[0] == plain[1], run


def test_three_seeds_differ_in_nothing_else():
    values = load_files(FILES)[0]
    for run in ("ours", "cyclegan"):
        settings = [run_settings(values, name) for name in (run, f"{run}_seed_1", f"{run}_seed_2")]
        assert [one.seed for one in settings] == [0, 1, 2]
        plain = [one.model_dump(exclude={"seed", "label"}) for one in settings]
        assert plain[0] == plain[1] == plain[2]


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
