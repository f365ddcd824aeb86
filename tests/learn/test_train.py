import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from phantom_learn import batch, settings, some_slices, write_cohort
from phantom_train import same, train
from safetensors import safe_open
from safetensors.torch import load_file

from ssus2mri import __version__, slices
from ssus2mri.errors import InputError
from ssus2mri.learn.checkpoint import get_state, set_state
from ssus2mri.learn.data import dataset
from ssus2mri.learn.hardware.compiled import compile_parts
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.learn.loop import Loop, Request, learning_rate
from ssus2mri.learn.model_file import read_model
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.learn.progress import duration
from ssus2mri.learn.summary import losses_csv

ALONE = World(torch.device("cpu"))


def test_learning_rate_halves():
    rates = [learning_rate(1e-4, epoch, 20) for epoch in (0, 19, 20, 39, 40)]
    assert rates == [1e-4, 1e-4, 5e-5, 5e-5, 2.5e-5]


def test_outputs(tmp_path):
    _, csv = train(tmp_path, write_cohort(tmp_path))
    lines = csv.decode().splitlines()
    names = ["lat", "app", "stru", "proj", "back_app", "bi"]
    names += ["d_app", "d_stru", "d_back_app", "d_bi"]
    assert lines[0].split(",") == [
        *["epoch", "step", "learning_rate"],
        *names,
        *[f"val_{name}" for name in (*names, "texture", "content", "criterion")],
    ]
    assert [line.split(",")[:3] for line in lines[1:]] == [
        ["1", "2", "0.0001"],
        ["2", "4", "0.0001"],
    ]
    facts = json.loads((tmp_path / "train.json").read_text())
    assert facts["steps"] == 4
    assert facts["slices"] == {"us": 8, "mr": 3, "val_us": 4, "val_mr": 0}
    assert facts["parameters"]["generator"] > facts["parameters"]["discriminators"] > 0
    assert facts["processes"] == 1
    assert facts["peak_memory_mb"] > 10
    assert facts["images_per_second"] == pytest.approx(8 / facts["seconds"], rel=0.05)
    assert len(facts["seconds_per_epoch"]) == 2
    model = read_model(tmp_path / "model.safetensors")
    assert model.run == "ours"
    assert model.settings == settings()
    assert model.us_scaling == slices.Scaling((2.0, 98.0), 3.0)
    assert model.subjects == ("person-mr-a", "person-us-a", "person-us-b", "person-us-v")
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        metadata = file.metadata()
    assert metadata["version"] == __version__
    assert len(metadata["fingerprint"]) == 12


def test_same_seed_same_bytes(tmp_path):
    paths = write_cohort(tmp_path)
    before = torch.random.get_rng_state()
    first = train(tmp_path / "one", paths, epochs=1)
    again = train(tmp_path / "two", paths[::-1], epochs=1)
    other_seed = train(tmp_path / "other", paths, epochs=1, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert same(first, again)
    assert not same(first, other_seed)


def test_a_nan_stops_and_leaves_no_model(tmp_path, monkeypatch):
    paths = write_cohort(tmp_path)
    read = slices.read

    def with_nan(path):
        """Slices of which one volume has what no file may have."""
        volume = read(path)
        image = volume.image.copy()
        if volume.header.volume == "us-a":
            image[:, 32, 32] = float("nan")
        return replace(volume, image=image)

    monkeypatch.setattr("ssus2mri.learn.data.dataset.slices.read", with_nan)
    with pytest.raises(InputError, match=r"loss `lat, app.* at step \d") as error:
        train(tmp_path, paths)
    assert not (tmp_path / "model.safetensors").exists()
    monkeypatch.setattr("ssus2mri.learn.loop.flush_interval", lambda device: 20)  # as on a GPU
    with pytest.raises(InputError) as later:
        train(tmp_path, paths)
    assert str(later.value) == str(error.value)


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


def test_an_epoch_without_a_number_of_steps_shows_every_slice(tmp_path):
    data = dataset.load(write_cohort(tmp_path))
    chosen = settings(steps_per_epoch=0, batch_size=3)
    assert Loop(make_objective(chosen), data, chosen, ALONE).steps == 3


def test_losses_csv_has_no_noise():
    assert losses_csv([{"epoch": 1, "lat": 1 / 3}]) == "epoch,lat\n1,0.3333333\n"


def test_duration():
    assert [duration(s) for s in (45, 720, 12600)] == ["45 s", "12 min", "3.5 h"]


def test_a_model_is_as_readable_as_other_files(tmp_path):
    train(tmp_path, write_cohort(tmp_path), run="copy")
    modes = [(tmp_path / name).stat().st_mode for name in ("model.safetensors", "losses.csv")]
    assert modes[0] == modes[1]


@pytest.fixture
def judged(monkeypatch):
    """Let the criterion give these numbers, epoch after epoch."""

    def as_if(values):
        numbers = iter(values)
        parts = {"texture": 0.0, "content": 0.0}
        monkeypatch.setattr(
            "ssus2mri.learn.criterion.Criterion.judge",
            lambda self, synthetic, us, matched: {**parts, "criterion": next(numbers)},
        )

    return as_if


def test_the_best_and_the_last_are_kept(tmp_path, judged):
    paths, few = write_cohort(tmp_path), {"steps_per_epoch": 1}
    ends = {}
    for epochs in (2, 3):
        judged([0.3, 0.2, 0.25])
        ends[epochs], _ = train(
            tmp_path / str(epochs), paths, "gan", epochs=epochs, choose="last", **few
        )
    judged([0.3, 0.2, float("nan")])
    kept, _ = train(tmp_path, paths, "gan", epochs=3, choose="best", **few)
    last = load_file(tmp_path / "last.safetensors")
    assert all(torch.equal(kept[name], ends[2][name]) for name in kept)
    assert all(torch.equal(last[name], ends[3][name]) for name in kept)
    assert not all(torch.equal(last[name], kept[name]) for name in kept)
    assert json.loads((tmp_path / "train.json").read_text())["kept_epoch"] == 2


def test_patience_ends_a_training(tmp_path, judged):
    judged([0.3, 0.2, 0.25, 0.2, 0.1])
    _, csv = train(tmp_path, write_cohort(tmp_path), "gan", epochs=5, steps_per_epoch=1, patience=2)
    assert len(csv.splitlines()) == 1 + 4


def test_the_truth_of_simulated_scans_is_written_beside_the_criterion(tmp_path):
    paths = write_cohort(tmp_path)
    volume = some_slices("us-v", split="val")
    slices.write(replace(volume, truth=volume.image), paths[3])
    _, csv = train(tmp_path, paths, "gan", epochs=1)
    assert csv.decode().splitlines()[0].split(",")[-3:] == [
        "val_criterion",
        "val_truth_ssim",
        "val_truth_psnr",
    ]


def test_a_method_that_needs_the_truth_names_the_run(tmp_path):
    with pytest.raises(InputError, match=r"run paired.*split train without `truth`"):
        train(tmp_path, write_cohort(tmp_path), "paired")


def test_tensorboard_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    paths = write_cohort(tmp_path)
    with pytest.raises(InputError, match=r"pip install \"ssus2mri\[tensorboard\]\""):
        train(tmp_path, paths, "gan", tensorboard=True)
    train(tmp_path, paths, "gan", tensorboard=False)


def test_tensorboard_gets_every_epoch(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    _, csv = train(tmp_path, write_cohort(tmp_path), "gan", tensorboard=True)
    curves = events.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [point.step for point in curves.Scalars("train/app")] == [1, 2]
    names, *rows = (line.split(",") for line in csv.decode().splitlines())
    value = float(rows[1][names.index("val_criterion")])
    assert curves.Scalars("val/criterion")[1].value == pytest.approx(value)


def test_compiling_without_a_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"train\.compile.*found no no-such-compiler"):
        compile_parts(torch.nn.Identity())


@pytest.fixture
def compiled(monkeypatch):
    """The compiler itself takes minutes; this follows the code as it does, and runs it as it is."""
    graphs = []

    def follow(graph, _):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr("torch.compile", partial(torch.compile, backend=follow))
    yield graphs
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.parametrize("run", ["ours", "cyclegan"])
def test_compiling_changes_neither_names_nor_values(tmp_path, compiled, run):
    paths, few = write_cohort(tmp_path), {"epochs": 2, "steps_per_epoch": 1}
    plain, _ = train(tmp_path / "plain", paths, run, **few)
    assert not compiled
    fast, _ = train(tmp_path / "fast", paths, run, compile=True, **few)
    assert compiled
    assert plain.keys() == fast.keys()
    for name, value in plain.items():
        torch.testing.assert_close(fast[name], value)


@pytest.mark.slow
def test_nothing_is_compiled_after_the_first_step(tmp_path, compiled):
    """Whatever changes: random numbers, average weights for validation, the mode."""
    data = dataset.load(write_cohort(tmp_path))
    chosen = settings(compile=True)
    loop, counts = Loop(make_objective(chosen), data, chosen, ALONE), []
    loop.run(
        request=lambda: Request.CONTINUE,
        on_step=lambda _: counts.append(len(compiled)),
        on_epoch=lambda _: None,
        on_save=lambda _: None,
    )
    assert len(set(counts)) == 1
    assert counts[0] > 0
    plain = Loop(make_objective(settings()), data, settings(), ALONE)
    set_state(plain, get_state(loop))  # names fit


@pytest.mark.slow
def test_parts_of_the_same_layers_share_what_is_compiled(compiled):
    network = make_objective(settings()).generator.eval().requires_grad_(False)
    compile_parts(network)
    image = batch().us
    network.translate(image, reconstruct=True)
    count = len(compiled)
    assert count == 4  # encoder, decoder before and behind the attention, attention
    network.infer_back(image)
    assert len(compiled) == count


@pytest.mark.slow
def test_bfloat16_stays_finite_and_near(tmp_path, monkeypatch):
    paths, few = write_cohort(tmp_path), {"epochs": 1, "steps_per_epoch": 1}
    train(tmp_path / "single", paths, mixed_precision=False, **few)

    def always(device, *, wanted):
        return torch.autocast("cpu", torch.bfloat16, enabled=wanted)

    monkeypatch.setattr("ssus2mri.learn.loop.mixed_precision", always)
    monkeypatch.setattr("ssus2mri.learn.validate.mixed_precision", always)
    train(tmp_path / "half", paths, mixed_precision=True, **few)
    single, half = (pd.read_csv(tmp_path / name / "losses.csv") for name in ("single", "half"))
    assert list(single) == list(half)
    assert np.isfinite(half.to_numpy()).all()
    assert not single.equals(half)
    np.testing.assert_allclose(half["val_criterion"], single["val_criterion"], rtol=0.05)
