"""Model files: weights as safetensors, with settings, version and subjects in their metadata."""

import hashlib
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
from ssus2mri.config import strict
from ssus2mri.config.base import problems
from ssus2mri.config.learn import TrainSettings
from ssus2mri.config.values import file_name
from ssus2mri.errors import InputError
from ssus2mri.files import unwritable, whole
from ssus2mri.learn.generators import restore
from ssus2mri.slices import Scaling

SEAL = "seal"
LAST = "last.safetensors"
"""Name of the file beside the model with the weights of the last epoch."""


@dataclass(frozen=True)
class Model:
    """A trained model, and what its file says of it.

    ``certificate`` is the hash of subjects; ``us_scaling``, how the ultrasound was scaled that it
    was trained on, None: the file does not say.
    """

    network: nn.Module
    settings: TrainSettings
    run: str
    subjects: tuple[str, ...]
    certificate: str
    us_scaling: Scaling | None


def content_hash(value: Any) -> str:
    """Hash tensors and plain values: neither safetensors nor torch notices a flipped byte.

    Args:
        value: tensors, numbers, strings, None, or mappings and sequences of these.

    Returns:
        64 hexadecimal digits, whatever the order of keys.
    """
    content = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, Tensor):
            content.update(f"{value.dtype} {tuple(value.shape)};".encode())
            flat = value.detach().cpu().contiguous().reshape(-1)
            content.update(flat.view(torch.uint8).numpy().data)
        elif isinstance(value, Mapping):
            content.update(f"mapping {len(value)};".encode())
            for key in sorted(value, key=repr):
                content.update(f"{key!r}:".encode())
                add(value[key])
        elif isinstance(value, list | tuple):
            content.update(f"sequence {len(value)};".encode())
            for part in value:
                add(part)
        else:
            content.update(f"{value!r};".encode())

    add(value)
    return content.hexdigest()


def write_model(
    path: Path,
    tensors: Mapping[str, Tensor],
    *,
    run: str,
    settings: TrainSettings,
    subjects: tuple[str, ...],
    us_scaling: Scaling | None = None,
) -> None:
    """Write ``model.safetensors``: weights, and in the metadata how they were trained.

    Args:
        path: the file.
        tensors: state of the model.
        run: name of the run.
        settings: of the run.
        subjects: all that were trained or validated on.
        us_scaling: how the ultrasound was scaled that was trained on; None: not said.

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
    if us_scaling is not None:
        metadata["us_scaling"] = json.dumps(us_scaling)
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata[SEAL] = content_hash([metadata, plain])
    with writing(path) as partial:
        # Not save_file, whose file only its owner may read.
        partial.write_bytes(save(plain, metadata))


def read_model(path: Path) -> Model:
    """Read ``model.safetensors``.

    Returns:
        The model, for inference, on the CPU.

    Raises:
        InputError: missing, damaged, or not written by `train`.
    """
    if not path.is_file():
        raise _unusable(path, "no such file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if SEAL not in metadata:
            raise _unusable(path, "a model without a seal, of an earlier version or of no `train`")
        seal = metadata.pop(SEAL)
        run = file_name(metadata["run"])
        subjects = strict.json_values(metadata["subjects"])
        values = strict.json_values(metadata["settings"])
        said = strict.json_values(metadata.get("us_scaling", "null"))
        us_scaling = None if said is None else _scaling(said)
        intact = metadata["subjects_hash"] == provenance.digest(subjects)
    except InputError:
        raise
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise _unusable(path, f"damage: {error}") from error
    if not isinstance(subjects, list) or not all(isinstance(name, str) for name in subjects):
        raise _unusable(path, "no list of subjects")
    if not intact:
        raise _unusable(path, "a list of subjects that was changed afterwards")
    if seal != content_hash([metadata, tensors]):
        raise _unusable(path, "damage: weights or metadata are not as they were written")
    broken = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise _unusable(path, f"NaN or infinite weights ({broken[0]})")
    try:
        settings = TrainSettings.model_validate(values)
    except ValidationError as error:
        key, _ = problems(error, "settings")[0]
        raise _unusable(path, f"settings of another version, see {key}") from error
    try:
        network = restore(settings, tensors)
    except (RuntimeError, LookupError, TypeError, ValueError) as error:
        raise _unusable(path, "weights of another version of the networks") from error
    certificate = metadata["subjects_hash"]
    return Model(
        network,
        settings,
        run=run,
        subjects=tuple(subjects),
        certificate=certificate,
        us_scaling=us_scaling,
    )


def _scaling(said: Any) -> Scaling:
    """Check what a file says of the scaling of ultrasound; ValueError or TypeError if unfit."""
    (low, high), depth_mm = said
    return Scaling((float(low), float(high)), float(depth_mm))


def _unusable(path: Path, problem: str) -> InputError:
    expected, do = "a model written by `train`", "Correct the path, or run `train` again."
    return InputError(str(path), expected=expected, found=problem, do=do)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Act as `files.whole`, and report disk failures that torch hides like all others."""
    try:
        with whole(path) as partial:
            yield partial
    except RuntimeError as error:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise unwritable(path, cause) from error
