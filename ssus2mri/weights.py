"""Files of trained weights that a training or a prediction starts from."""

import hashlib
from pathlib import Path

from ssus2mri.errors import InputError

PACKAGED = Path(__file__).parent / "prediction" / "simulated.safetensors"
"""The network that every installation has; see CARD.md beside it."""
NONE, SHIPPED = "none", "shipped"


def start_file(start: str) -> Path | None:
    """Return the file whose weights a training starts from.

    Args:
        start: `NONE`, `SHIPPED`, or a path to ``model.safetensors``.

    Returns:
        The file; None: weights are drawn.

    Raises:
        InputError: no such file.
    """
    if start == NONE:
        return None
    path = PACKAGED if start == SHIPPED else Path(start)
    if not path.is_file():
        raise InputError(
            f"train.start {start}",
            expected=f"`{NONE}`, `{SHIPPED}`, or a model.safetensors",
            found="no such file",
            do="Correct the path; it is relative to the working directory.",
        )
    return path


def file_digest(path: Path | None) -> str:
    """Return the SHA-256 of a file, hexadecimal; empty without one."""
    return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
