import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from phantom_learn import settings, some_slices, write_cohort
from safetensors.torch import load_file

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.learn import checkpoint, dataset
from ssus2mri.learn.loop import Loop, learning_rate
from ssus2mri.learn.methods import objective
from ssus2mri.learn.progress import duration
from ssus2mri.learn.train import losses_csv, run_train

CPU = torch.device("cpu")


def train(folder, paths, run="ours", checkpoints="checkpoints", **changes):
    run_train(
        paths,
        run=run,
        out=folder / "model.safetensors",
        checkpoints=folder / checkpoints,
        settings=settings(run, **changes),
        threads=1,
    )
    return load_file(folder / "model.safetensors"), (folder / "losses.csv").read_bytes()


def same(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_learning_rate_halves():
    rates = [learning_rate(1e-4, epoch, 20) for epoch in (0, 19, 20, 39, 40)]
    assert rates == [1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5]


def test_draw_shows_every_slice_once_before_any_twice():
    drawn = dataset.draw(5, 13, torch.Generator().manual_seed(0)).tolist()
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    assert len(drawn) == 13
    assert drawn == dataset.draw(5, 13, torch.Generator().manual_seed(0)).tolist()


def test_spread():
    assert dataset.spread(10, 4).tolist() == [0, 2, 5, 7]
    assert dataset.spread(2, 4).tolist() == [0, 1]
    assert dataset.spread(0, 4).tolist() == []


def test_outputs(tmp_path):
    _, csv = train(tmp_path, write_cohort(tmp_path))
    lines = csv.decode().splitlines()
    names = ["lat", "app", "stru", "proj", "back_app", "bi"]
    names += ["d_app", "d_stru", "d_back_app", "d_bi"]
    assert lines[0].split(",") == [
        *["epoch", "step", "learning_rate"],
        *names,
        *[f"val_{name}" for name in names],
    ]
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["1", "2", "0.0001"],
        ["2", "4", "0.0001"],
    ]
    facts = json.loads((tmp_path / "train.json").read_text())
    assert facts["steps"] == 4
    assert facts["slices"] == {"us": 8, "mr": 3, "val_us": 4, "val_mr": 0}
    assert facts["parameters"]["generator"] > facts["parameters"]["discriminators"] > 0
    assert len(facts["seconds_per_epoch"]) == 2
    model = checkpoint.read_model(tmp_path / "model.safetensors")
    assert model.run == "ours"
    assert model.settings == settings()
    assert model.subjects == ("person-mr-a", "person-us-a", "person-us-b", "person-us-v")
    assert len(model.fingerprint) == 12


def test_same_seed_same_bytes(tmp_path):
    paths = write_cohort(tmp_path)
    before = torch.random.get_rng_state()
    one = train(tmp_path / "one", paths)
    two = train(tmp_path / "two", paths[::-1])
    other = train(tmp_path / "other", paths, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert same(one[0], two[0])
    assert one[1] == two[1]
    assert not same(one[0], other[0])


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    paths = write_cohort(tmp_path)
    expected = train(tmp_path / "whole", paths, steps_per_epoch=3)
    update, steps = Loop._update, []

    def interrupted(self, us, mr):
        steps.append(1)
        if len(steps) == 5:  # in the middle of the second epoch
            os.kill(os.getpid(), signal.SIGTERM)
        return update(self, us, mr)

    monkeypatch.setattr(Loop, "_update", interrupted)
    with pytest.raises(SystemExit) as stopped:
        train(tmp_path / "parts", paths, steps_per_epoch=3)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert not (tmp_path / "parts" / "model.safetensors").exists()
    found = train(tmp_path / "parts", paths, steps_per_epoch=3)
    assert len(steps) == 6
    assert same(found[0], expected[0])
    assert found[1] == expected[1]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path, monkeypatch):
    paths = write_cohort(tmp_path)
    expected = train(tmp_path / "whole", paths)
    update, steps = Loop._update, []

    def killed(self, us, mr):
        steps.append(1)
        if len(steps) == 4:
            raise KeyboardInterrupt
        return update(self, us, mr)

    monkeypatch.setattr(Loop, "_update", killed)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", paths)
    found = train(tmp_path / "parts", paths)
    assert len(steps) == 4 + 2
    assert same(found[0], expected[0])
    assert found[1] == expected[1]
    assert not (tmp_path / "parts" / "checkpoints").exists()


def test_checkpoints_of_another_training_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ssus2mri.learn.train.remove_checkpoint", lambda folder: None)
    paths = write_cohort(tmp_path)
    train(tmp_path, paths, run="ae")
    train(tmp_path, paths, run="ae", label="another name")
    with pytest.raises(InputError, match=r"other settings.*Delete"):
        train(tmp_path, paths, run="ae", seed=7)
    made = some_slices("us-a")
    slices.write(replace(made, image=made.image[::-1].copy()), tmp_path / "changed.h5")
    with pytest.raises(InputError, match=r"other settings.*Delete"):
        train(tmp_path, [tmp_path / "changed.h5", *paths[1:]], run="ae")
    (tmp_path / "checkpoints" / "latest.pt").write_bytes(b"PK\3\4 truncated")
    with pytest.raises(InputError, match=r"a damaged file.*Delete"):
        train(tmp_path, paths, run="ae")


def test_a_nan_stops_and_leaves_no_model(tmp_path, monkeypatch):
    paths = write_cohort(tmp_path)
    made = some_slices("us-a")
    image = made.image.copy()
    image[:, 32, 32] = float("nan")
    slices.write(replace(made, image=image), paths[0])
    with pytest.raises(InputError, match=r"loss `lat, app.* at step \d"):
        train(tmp_path, paths)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_few_steps_lower_the_reconstruction_loss(tmp_path):
    train(tmp_path, write_cohort(tmp_path), run="ae", steps_per_epoch=10, learning_rate=0.01)
    rows = [line.split(",") for line in (tmp_path / "losses.csv").read_text().splitlines()]
    column = rows[0].index("lat")
    assert float(rows[2][column]) < 0.8 * float(rows[1][column])


def test_no_validation_volume(tmp_path):
    _, csv = train(tmp_path, write_cohort(tmp_path)[:3], run="gan")
    assert csv.decode().splitlines()[0] == "epoch,step,learning_rate,app,d_app"


@pytest.mark.parametrize("run", ["copy", "atlas"])
def test_reference_rows_train_in_no_step(tmp_path, run):
    tensors, csv = train(tmp_path, write_cohort(tmp_path), run=run)
    assert csv == b"epoch,step,learning_rate\n"
    assert set(tensors) == ({"images", "plane", "index", "ga_weeks"} if run == "atlas" else set())
    assert json.loads((tmp_path / "train.json").read_text())["steps"] == 0


@pytest.mark.parametrize(
    ("volume", "changes", "message"),
    [
        ("us-a", {"split": "test"}, "Leave test volumes out"),
        ("mr-a", {}, "at least one training slice of modality mr"),
    ],
)
def test_unfit_slice_files(tmp_path, volume, changes, message):
    paths = write_cohort(tmp_path)
    slices.write(some_slices(volume, modality="us", **changes), tmp_path / f"{volume}.h5")
    with pytest.raises(InputError, match=message):
        train(tmp_path, paths)


def test_slices_of_two_sizes(tmp_path):
    paths = write_cohort(tmp_path)
    made = some_slices("us-a")
    small = replace(made, image=made.image[:, :32, :32], head=made.head[:, :32, :32])
    slices.write(small, paths[0])
    with pytest.raises(InputError, match=r"slices of one size.*\(32, 32\) and \(64, 64\)"):
        dataset.load(paths)


def test_an_epoch_without_a_number_of_steps_shows_every_slice(tmp_path):
    data = dataset.load(write_cohort(tmp_path))
    assert Loop(objective(settings(steps_per_epoch=0)), data, settings(steps_per_epoch=0), CPU)
    assert (
        Loop(objective(settings()), data, settings(steps_per_epoch=0, batch_size=3), CPU).steps == 3
    )


def test_losses_csv_has_no_noise():
    assert losses_csv([{"epoch": 1, "lat": 1 / 3}]) == "epoch,lat\n1,0.3333333\n"


def test_duration():
    assert [duration(s) for s in (45, 720, 12600)] == ["45 s", "12 min", "3.5 h"]


def test_a_model_is_as_readable_as_other_files(tmp_path):
    train(tmp_path, write_cohort(tmp_path), run="copy")
    modes = [(tmp_path / name).stat().st_mode for name in ("model.safetensors", "losses.csv")]
    assert modes[0] == modes[1]
