"""Two processes train as one."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as spawn
from phantom_learn import write_cohort
from phantom_train import command, train
from safetensors.torch import load_file
from torch import nn

from ssus2mri.errors import InputError
from ssus2mri.learn import checkpoint
from ssus2mri.learn.hardware import parallel
from ssus2mri.learn.hardware.parallel import SyncedBatchNorm, World

CPU = torch.device("cpu")


def test_alone_nothing_is_exchanged():
    world = World(CPU)
    assert world.first
    assert world.part(6) == slice(0, 6)
    assert world.agree(1) == 1
    assert world.gather("a") == ["a"]
    network = nn.Sequential(nn.BatchNorm2d(2))
    parallel.synchronise(network, world)
    assert type(network[0]) is nn.BatchNorm2d


def test_a_batch_that_cannot_be_shared(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(
        InputError, match=r"train\.batch_size.*multiple of the 3 processes.*found 4"
    ):
        parallel.join(CPU, 4)


def test_launch_becomes_torchrun(monkeypatch):
    seen = []
    monkeypatch.setattr("os.execv", lambda path, line: seen.extend([path, *line]))
    parallel.launch(4, ["train", "--run=ours"])
    assert seen[:4] == [sys.executable, sys.executable, "-m", "torch.distributed.run"]
    assert "--nproc-per-node=4" in seen
    assert seen[-5:] == ["-m", "--", "ssus2mri", "train", "--run=ours"]


@pytest.mark.parametrize("momentum", [0.1, None])
def test_synced_normalisation_of_one_process_is_the_usual_one(tmp_path, momentum):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path / 'meet'}", rank=0, world_size=1)
    try:
        usual = nn.BatchNorm2d(3, momentum=momentum)
        synced = SyncedBatchNorm(3, momentum=momentum)
        value = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) * 2 + 1
        for _ in range(2):
            inputs = [value.clone().requires_grad_() for _ in range(2)]
            weight = torch.linspace(-1, 1, value.numel()).view_as(value)
            for norm, images in zip((usual, synced), inputs, strict=True):
                norm.zero_grad()
                (norm(images) * weight).sum().backward()
            torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
        torch.testing.assert_close(usual.state_dict(), synced.state_dict())
        torch.testing.assert_close(usual.weight.grad, synced.weight.grad)
        torch.testing.assert_close(usual.eval()(value), synced.eval()(value))
    finally:
        dist.destroy_process_group()


def network() -> nn.Sequential:
    """A network of two normalised layers, in float64, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ELU(), nn.Conv2d(3, 1, 3))
    return layers.append(nn.BatchNorm2d(1)).double()


def gradients(layers: nn.Sequential, images: torch.Tensor, world: World) -> list[torch.Tensor]:
    parallel.synchronise(layers, world)
    layers(images).pow(3).mean().backward()
    world.average_gradients(layers.parameters())
    return [weight.grad for weight in layers.parameters()]


IMAGES = torch.linspace(-1, 2, 4 * 8 * 8, dtype=torch.float64).sin().view(4, 1, 8, 8)


def one_of_two(rank: int, folder: str) -> None:
    """What a process of two does."""
    meet = f"file://{folder}/meet"
    dist.init_process_group("gloo", init_method=meet, rank=rank, world_size=2)
    world = World(CPU, rank, 2)
    layers = network()
    own = gradients(layers, IMAGES[world.part(4)], world)
    assert world.agree(rank) == 1
    assert world.gather(str(rank)) == ["0", "1"]
    assert world.mean(torch.tensor([rank, 2.0])).tolist() == [0.5, 2.0]
    torch.save({"gradients": own, "state": layers.state_dict()}, f"{folder}/{rank}.pt")
    parallel.leave()


@pytest.mark.slow
def test_gradients_of_two_processes_are_those_of_one(tmp_path):
    spawn.spawn(one_of_two, args=(str(tmp_path),), nprocs=2)
    layers = network()
    expected = gradients(layers, IMAGES, World(CPU))
    for rank in (0, 1):
        saved = torch.load(tmp_path / f"{rank}.pt")
        for gradient, shared in zip(expected, saved["gradients"], strict=True):
            torch.testing.assert_close(shared, gradient, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(saved["state"], layers.state_dict(), rtol=1e-9, atol=1e-12)


@pytest.fixture
def exact(tmp_path, monkeypatch):
    """Normalise in one process as in several: torch's own sums of `channels_last` are rounded."""

    def swap(network, world):
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = SyncedBatchNorm

    monkeypatch.setattr("ssus2mri.learn.loop.synchronise", swap)
    monkeypatch.setattr("ssus2mri.learn.train.leave", lambda: None)
    meet = f"file://{tmp_path / 'meet'}"
    dist.init_process_group("gloo", init_method=meet, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(("norm", "epochs"), [("none", 2), ("batch", 1)])
def test_two_processes_give_what_one_gives(tmp_path, exact, norm, epochs):
    """After the first step normalised networks of this size magnify what is rounded."""
    paths = write_cohort(tmp_path)
    changes = {"batch_size": 4, "epochs": epochs, "steps_per_epoch": 1}
    changes["network"] = {"norm": norm, "discriminator_norm": norm}
    train(tmp_path / "one", paths, **changes)
    line = command(tmp_path / "two", paths, **changes)
    done = subprocess.run([*line, "--processes=2"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(f"epoch {epochs} of {epochs}") == 1  # only one of them speaks
    single, double = (pd.read_csv(tmp_path / name / "losses.csv") for name in ("one", "two"))
    assert list(single) == list(double)
    terms = [name for name in single if norm == "none" or not name.startswith("val_")]
    np.testing.assert_allclose(double[terms], single[terms], rtol=1e-5)
    single_weights, double_weights = (
        load_file(tmp_path / name / "model.safetensors") for name in ("one", "two")
    )
    assert single_weights.keys() == double_weights.keys()
    for name in single_weights if norm == "none" else ():
        torch.testing.assert_close(double_weights[name], single_weights[name], rtol=1e-3, atol=1e-5)
    assert not list(tmp_path.glob("two/checkpoints"))


@pytest.mark.slow
def test_a_signal_reaches_all_processes(tmp_path):
    paths = write_cohort(tmp_path)
    line = command(tmp_path, paths, "gan", epochs=1, steps_per_epoch=100_000)
    latest = tmp_path / "checkpoints" / checkpoint.LATEST
    process = subprocess.Popen([*line, "--processes=2"], stderr=subprocess.PIPE, text=True)
    try:
        for text in process.stderr:
            if "training" in text:
                break
        process.send_signal(signal.SIGUSR1)
        _, said = process.communicate(timeout=50)
    finally:
        process.kill()
    assert process.returncode not in (0, -signal.SIGUSR1)
    assert said.count("stopped; the same command resumes from here") == 1
    assert torch.load(latest, weights_only=True)["state"]["epoch"] == 0
