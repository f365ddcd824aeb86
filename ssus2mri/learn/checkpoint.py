"""Models and checkpoints on disk. No pickled code is ever loaded."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ssus2mri import __version__, provenance
from ssus2mri.config.base import problems
from ssus2mri.config.learn import TrainSettings
from ssus2mri.errors import InputError
from ssus2mri.files import unwritable, whole
from ssus2mri.learn.methods import restore

LATEST = "latest.pt"
LAST = "last.safetensors"
"""Beside the model: the weights of the last epoch."""


@dataclass(frozen=True)
class Model:
    """A trained model and what its file says of it."""

    network: nn.Module
    settings: TrainSettings
    run: str
    version: str
    fingerprint: str
    subjects: tuple[str, ...]


def write_model(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    run: str,
    settings: TrainSettings,
    subjects: tuple[str, ...],
) -> None:
    """Write ``model.safetensors``: weights, and in its metadata how they came about.

    Args:
        path: the file.
        tensors: state of the model.
        run: name of the run.
        settings: of the run.
        subjects: all that were trained or validated on.

    Raises:
        InputError: it cannot be written, as on a full disk.
    """
    metadata = {
        "run": run,
        "settings": settings.model_dump_json(),
        "version": __version__,
        "fingerprint": provenance.fingerprint("ssus2mri.learn.train"),
        **provenance.certificate(subjects),
    }
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    with _written(path) as partial:
        # Not save_file, whose file only its owner may read.
        partial.write_bytes(save(plain, metadata))


def read_model(path: Path) -> Model:
    """Read ``model.safetensors``.

    Args:
        path: the file.

    Returns:
        The model, for inference, on the CPU.

    Raises:
        InputError: missing, damaged, or not written by `train`.
    """
    do = "Run `train` again."
    expected = "a model written by `train`"
    if not path.is_file():
        raise InputError(str(path), expected=expected, found="no such file", do=do)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        values, subjects = json.loads(metadata["settings"]), json.loads(metadata["subjects"])
        intact = metadata["subjects_hash"] == provenance.digest(subjects)
        run, version, code = (metadata[key] for key in ("run", "version", "fingerprint"))
        broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError) as error:
        raise InputError(str(path), expected=expected, found=str(error), do=do) from error
    if not intact:
        found = "a list of subjects that was changed afterwards"
        raise InputError(str(path), expected=expected, found=found, do=do)
    if broken:
        found = f"NaN or infinite weights ({broken[0]})"
        raise InputError(str(path), expected=expected, found=found, do=do)
    try:
        settings = TrainSettings.model_validate(values)
    except ValidationError as error:
        key, _ = problems(error, "settings")[0]
        found = f"settings of another version, see {key}"
        raise InputError(str(path), expected=expected, found=found, do=do) from error
    try:
        network = restore(settings, tensors)
    except (RuntimeError, KeyError) as error:
        found = "weights of another version of the networks"
        raise InputError(str(path), expected=expected, found=found, do=do) from error
    return Model(
        network,
        settings,
        run=run,
        version=version,
        fingerprint=code,
        subjects=tuple(subjects),
    )


def write_checkpoint(folder: Path, state: dict[str, Any], identity: str) -> None:
    """Write the state of a training, whole or not at all, over the one before.

    Args:
        folder: of this run's checkpoints.
        state: tensors, numbers, strings, lists and dicts of these.
        identity: hash of settings and data; another training must not continue from it.

    Raises:
        InputError: it cannot be written, as on a full disk; the one before is whole.
    """
    path = folder / LATEST
    with _written(path) as partial, partial.open("wb") as file:
        torch.save({"identity": identity, "state": state}, file)


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """Do what `files.whole` does, and tell a disk's failure that torch hides as it tells others."""
    try:
        with whole(path) as partial:
            yield partial
    except RuntimeError as error:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise unwritable(path, cause) from error


def read_checkpoint(folder: Path, identity: str) -> dict[str, Any] | None:
    """Read the state of a training.

    Args:
        folder: of this run's checkpoints.
        identity: as given to `write_checkpoint`.

    Returns:
        The state, on the CPU, or None where there is none.

    Raises:
        InputError: damaged, or of another training.
    """
    path = folder / LATEST
    if not path.is_file():
        return None
    expected, do = "a checkpoint of this training", f"Delete {folder} to start anew."
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
        known, state = loaded["identity"], loaded["state"]
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InputError(str(path), expected=expected, found="a damaged file", do=do) from error
    if known != identity:
        found = "one of other settings, data or code"
        raise InputError(str(path), expected=expected, found=found, do=do)
    return state


def remove_checkpoint(folder: Path) -> None:
    """Remove the state of a training that has ended, and its folder if nothing else is in it.

    Args:
        folder: of this run's checkpoints; may be missing.
    """
    for path in (folder / LATEST, *folder.glob(f".partial-*-{LATEST}")):  # what a kill left
        path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
