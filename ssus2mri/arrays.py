"""Files of named arrays (``.npz``), which `explain` and `delineate` leave for later stages."""

import io
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.files import whole

Arrays = dict[str, NDArray[Any]]


def write(arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Write arrays, compressed: the same arrays give the same bytes.

    Args:
        arrays: by name, of any shape; no objects.
        path: the ``.npz``.

    Raises:
        InputError: it cannot be written.
    """
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    with whole(path) as partial:
        partial.write_bytes(buffer.getvalue())


def read(path: Path, *, stage: str, needed: Collection[str] = ()) -> Arrays:
    """Read all arrays of a file.

    Args:
        path: the ``.npz``.
        stage: command that wrote it, for the message.
        needed: names that it must have.

    Raises:
        InputError: missing, damaged, or not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        arrays, problem = {}, str(error)
    else:
        if set(needed) <= set(arrays):
            return arrays
        problem = f"no array {', '.join(name for name in needed if name not in arrays)}"
    raise InputError(
        str(path),
        expected=f"arrays written by `{stage}` (.npz)",
        found=problem,
        do=f"Run `{stage}` again.",
    )
