"""A training that is stopped, killed or short of disk ends as one that was left alone."""

import errno
import os
import resource
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from phantom_learn import some_slices, write_cohort
from phantom_train import command, outcome, same, train

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.learn import checkpoint
from ssus2mri.learn.loop import Loop

FEW = {"steps_per_epoch": 3}  # and two epochs
AT_ONCE = 1e-9  # minutes: a checkpoint after every step


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("slices"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory, paths):
    """What the run `ours` gives that is left alone."""
    return train(tmp_path_factory.mktemp("whole"), paths, **FEW)


@pytest.fixture
def meddle(monkeypatch):
    """Do something before the step of that number, counted over all trainings of the test."""

    def at(number, action):
        update, steps = Loop._update, []

        def meddled(self, batch):
            steps.append(1)
            if len(steps) == number:
                action()
            return update(self, batch)

        monkeypatch.setattr(Loop, "_update", meddled)
        return steps

    return at


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "sent", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.slow)]
)
def test_a_stopped_training_resumes_to_the_same_weights(tmp_path, meddle, paths, expected, sent):
    steps = meddle(5, lambda: os.kill(os.getpid(), sent))  # in the middle of the second epoch
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path, paths, **FEW)
    assert stopped.value.code == 128 + sent
    assert not (tmp_path / "model.safetensors").exists()
    assert same(train(tmp_path, paths, **FEW), expected)
    assert len(steps) == 6
    assert signal.getsignal(sent) is signal.SIG_DFL


def test_the_memory_of_a_method_is_resumed(tmp_path, meddle, paths):
    expected = train(tmp_path / "whole", paths, "cyclegan", **FEW)
    meddle(5, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        train(tmp_path / "parts", paths, "cyclegan", **FEW)
    assert same(train(tmp_path / "parts", paths, "cyclegan", **FEW), expected)


@pytest.mark.parametrize(
    ("minutes", "steps_again"), [(60, 1), (AT_ONCE, 0)], ids=["epochs", "minutes"]
)
def test_an_aborted_training_resumes_from_its_checkpoint(
    tmp_path, meddle, paths, expected, minutes, steps_again
):
    changes = {**FEW, "checkpoint_minutes": minutes}
    steps = meddle(5, interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, paths, **changes)
    assert same(train(tmp_path, paths, **changes), expected)
    assert len(steps) == 6 + 1 + steps_again  # the step that broke off counts twice
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
def test_a_killed_process_is_resumed_by_the_same_command(tmp_path, paths):
    changes = {"steps_per_epoch": 12, "checkpoint_minutes": AT_ONCE}
    expected = train(tmp_path / "whole", paths, "gan", **changes)
    line = command(tmp_path / "parts", paths, "gan", **changes)
    latest = tmp_path / "parts" / "checkpoints" / checkpoint.LATEST
    process = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    try:
        while not (latest.is_file() and _step(latest) >= (0, 3)):
            assert process.poll() is None, process.stderr.read()
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    epoch, step = _step(latest)
    assert (epoch, step) < (1, 0), "killed too late to be within an epoch"
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert f"resuming from epoch 0, step {step}" in done.stderr
    assert same(outcome(tmp_path / "parts"), expected)


def _step(path):
    state = torch.load(path, map_location="cpu", weights_only=True)["state"]
    return state["epoch"], state["step"]


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path):
    big = {"weights": torch.zeros(100_000)}
    checkpoint.write_checkpoint(tmp_path, {"step": 1}, "id")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(InputError, match=r"latest\.pt.*found.*File too large.*Free some space"):
            checkpoint.write_checkpoint(tmp_path, big, "id")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert checkpoint.read_checkpoint(tmp_path, "id") == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.LATEST]


def test_a_full_disk_is_one_message(tmp_path, paths, monkeypatch):
    def full(state, file):
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(InputError, match=r"latest\.pt.*No space left on device.*goes on"):
        train(tmp_path, paths, "ae")
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize("name", ["losses.csv", "train.json"])
def test_a_disk_that_fills_up_beside_the_checkpoint_is_one_message(
    tmp_path, paths, expected, monkeypatch, name
):
    """After the first epoch or at the end; then the training goes on."""
    write = Path.write_text

    def full(path, *arguments, **options):
        if path.name.endswith(name):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(InputError, match=rf"{name}.*No space left on device.*Free some space"):
            train(tmp_path, paths, **FEW)
    assert not list(tmp_path.glob(".partial-*"))
    assert same(train(tmp_path, paths, **FEW), expected)


def test_partial_files_of_a_killed_process_are_removed(tmp_path):
    checkpoint.write_checkpoint(tmp_path / "run", {"step": 1}, "id")
    (tmp_path / "run" / ".partial-7-latest.pt").write_bytes(b"PK")
    checkpoint.remove_checkpoint(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_checkpoints_of_another_training_are_refused(tmp_path, paths, monkeypatch):
    monkeypatch.setattr("ssus2mri.learn.train.remove_checkpoint", lambda folder: None)
    train(tmp_path, paths, run="ae")
    train(tmp_path, paths, run="ae", label="another name")
    train(tmp_path, paths, run="ae", checkpoint_minutes=3, device_share=0.1)
    with pytest.raises(InputError, match=r"other settings.*Delete"):
        train(tmp_path, paths, run="ae", seed=7)
    volume = some_slices("us-a")
    slices.write(replace(volume, image=volume.image[::-1].copy()), tmp_path / "changed.h5")
    with pytest.raises(InputError, match=r"other settings.*Delete"):
        train(tmp_path, [tmp_path / "changed.h5", *paths[1:]], run="ae")
    (tmp_path / "checkpoints" / "latest.pt").write_bytes(b"PK\3\4 truncated")
    with pytest.raises(InputError, match=r"a damaged file.*Delete"):
        train(tmp_path, paths, run="ae")
