"""A model file whose parts do not fit each other is refused before memory is taken for it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import phantom_learn
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ssus2mri.errors import InputError
from ssus2mri.learn.generators import make_generator
from ssus2mri.learn.model_file import SEAL, content_hash, read_model, write_model
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.slices import Scaling

Parts = tuple[dict[str, torch.Tensor], dict[str, str]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    settings = phantom_learn.settings("ours")
    path = tmp_path / "model.safetensors"
    tensors = make_generator(settings).state_dict()
    write_model(path, tensors, run="ours", settings=settings, subjects=("a", "b"))
    return path


def changed(path: Path, change: Callable[[dict, dict], Any]) -> None:
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    del metadata[SEAL]
    change(tensors, metadata)
    metadata[SEAL] = content_hash([metadata, tensors])
    save_file(tensors, path, metadata)


def with_settings(**values: Any) -> Callable[[dict, dict], None]:
    def change(tensors: dict, metadata: dict) -> None:
        settings = json.loads(metadata["settings"])
        settings["network"] |= values
        metadata["settings"] = json.dumps(settings)

    return change


def another_type(tensors: dict, metadata: dict) -> None:
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    tensors[name] = torch.zeros(tensors[name].shape, dtype=torch.int32)


def no_number(tensors: dict, metadata: dict) -> None:
    next(t for t in tensors.values() if t.is_floating_point()).flatten()[0] = float("nan")


def a_setting_less(tensors: dict, metadata: dict) -> None:
    settings = json.loads(metadata["settings"])
    del settings["criterion"]["anatomy"]
    metadata["settings"] = json.dumps(settings)


def another_tensor(tensors: dict, metadata: dict) -> None:
    tensors["more"] = torch.zeros(3)


def test_the_scaling_of_the_ultrasound_is_kept(tmp_path):
    settings = phantom_learn.settings("ours")
    tensors, scaling = make_generator(settings).state_dict(), Scaling((1.0, 99.0), 6.0)
    path = tmp_path / "model.safetensors"
    write_model(path, tensors, run="a", settings=settings, subjects=(), us_scaling=scaling)
    assert read_model(path).us_scaling == scaling
    changed(path, as_metadata("us_scaling", "[[1.0], 6.0]"))
    with pytest.raises(InputError, match="damage"):
        read_model(path)


def as_metadata(name: str, value: str) -> Callable[[dict, dict], None]:
    return lambda tensors, metadata: metadata.update({name: value})


CHANGES: dict[str, tuple[Callable[[dict, dict], None], str]] = {
    "channels that the file does not hold": (
        with_settings(encoder_channels=4096, decoder_channels=4096),
        "another version of the networks",
    ),
    "no number of channels": (with_settings(encoder_channels=10**9), "encoder_channels"),
    "weights that are whole numbers": (another_type, "another version of the networks"),
    "a tensor more": (another_tensor, "another version of the networks"),
    "weights that are no numbers": (no_number, r"NaN or infinite weights \(\w"),
    "other subjects": (as_metadata("subjects", "[]"), "changed afterwards"),
    "a setting less": (
        a_setting_less,
        r"see settings\.criterion\.anatomy\. Correct the path, or run `train` again",
    ),
    "a run that is a path": (as_metadata("run", "../../x"), "letters, digits"),
    "subjects that are no list": (as_metadata("subjects", '"a"'), "subjects"),
    "no JSON": (as_metadata("settings", "{" * 5000), "expected"),
    "a key twice": (as_metadata("settings", '{"seed": 1, "seed": 2}'), "'seed' twice"),
    "infinity": (as_metadata("settings", '{"seed": 1e400}'), "no finite number"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_tampered_model(model: Path, what: str) -> None:
    change, match = CHANGES[what]
    changed(model, change)
    with pytest.raises(InputError, match=match):
        read_model(model)


def test_a_model_is_read_as_it_was_written(model: Path) -> None:
    read = read_model(model)
    assert (read.run, read.subjects) == ("ours", ("a", "b"))
    with pytest.raises(InputError, match="no such file"):
        read_model(model.with_name("none.safetensors"))


def test_a_model_is_read_without_its_discriminators(model: Path, monkeypatch) -> None:
    def refuse(*_, **__):
        raise AssertionError("a discriminator was made")

    monkeypatch.setattr(Discriminator, "__init__", refuse)
    with pytest.raises(AssertionError, match="a discriminator was made"):
        make_objective(phantom_learn.settings("ours"))
    assert read_model(model).run == "ours"
