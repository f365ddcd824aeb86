"""A file of slices, a model or a checkpoint with damage anywhere is refused by name, never used."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from phantom_learn import settings, some_slices

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.learn import checkpoint
from ssus2mri.learn.model_file import Model, content_hash, read_model, write_model
from ssus2mri.learn.objectives.make import make_objective

FLIPS, CUTS = 150, 20


STATE = {"step": 3, "best": (0.5, None), "weights": torch.arange(600.0), "history": [{"a": 1.0}]}


def a_slice_file(folder: Path) -> Path:
    example = some_slices("us-1")
    labelled = replace(example, labels=np.zeros(example.image.shape, np.uint8))
    slices.write(labelled, folder / "us-1.h5")
    return folder / "us-1.h5"


def all_slices(path: Path) -> object:
    read = slices.read(path)
    arrays = (read.image, read.plane, read.index, read.head, read.labels)
    return read.header, *(array.tobytes() for array in arrays if array is not None)


def a_model(folder: Path) -> Path:
    path = folder / "model.safetensors"
    tensors = make_objective(settings("ae")).generator.state_dict()
    write_model(path, tensors, run="ae", settings=settings("ae"), subjects=("s1", "s2"))
    return path


def all_of(model: Model) -> object:
    return content_hash(model.network.state_dict()), model.settings, model.subjects, model.run


def a_checkpoint(folder: Path) -> Path:
    checkpoint.write_checkpoint(folder, STATE, "id")
    return folder / checkpoint.LATEST


@pytest.mark.parametrize(
    ("write", "read", "expected", "least"),
    [
        (a_slice_file, all_slices, "a slice file", FLIPS / 2),
        (a_slice_file, slices.read_header, "a slice file", 0),
        (a_model, lambda path: all_of(read_model(path)), "a model", FLIPS / 4),
        (
            a_checkpoint,
            lambda path: content_hash(checkpoint.read_checkpoint(path.parent, "id")),
            "a checkpoint",
            FLIPS / 4,
        ),
    ],
    ids=["slices", "header", "model", "checkpoint"],
)
def test_damage_is_found_or_changes_nothing(tmp_path, write, read, expected, least) -> None:
    path = write(tmp_path)
    content, right = path.read_bytes(), read(path)
    rng = np.random.default_rng(2)
    refused = 0
    for place in rng.integers(0, len(content), FLIPS):
        flipped = bytearray(content)
        flipped[place] ^= int(rng.integers(1, 256))
        path.write_bytes(flipped)
        try:
            assert read(path) == right, f"byte {place} was changed, and nobody saw it"
        except InputError:
            refused += 1
    assert refused > least
    for length in rng.integers(0, len(content) - 1, CUTS):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=f"{path.name}: expected {expected}"):
            read(path)


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (lambda file: file.attrs.modify("subject", np.bytes_("sub-2")), "an attribute"),
        (lambda file: file.attrs.modify("split", np.bytes_("test")), "an attribute"),
        (lambda file: file["index"].write_direct(np.arange(4, dtype=np.int16)), "small dataset"),
        (
            lambda file: file["image"].write_direct(file["image"][:][::-1].copy()),
            "slice 0 of .*image",
        ),
        (lambda file: file["head"].write_direct(np.ones((4, 64, 64), bool)), "slice 0 of .*head"),
    ],
)
def test_an_edit_by_hand_is_refused(tmp_path: Path, edit: object, part: str) -> None:
    path = a_slice_file(tmp_path)
    with h5py.File(path, "a") as file:
        edit(file)  # type: ignore[operator]
    with pytest.raises(InputError, match=f"damage: .*{part}"):
        slices.read(path)


def test_a_model_without_a_seal_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = a_model(tmp_path)
    save_file(load_file(path), path, {"run": "copy"})
    with pytest.raises(InputError, match=r"model\.safetensors: expected a model .*seal"):
        read_model(path)
