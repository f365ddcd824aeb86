"""Outputs appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ssus2mri.errors import InputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary name ends like ``path`` (writers choose the format by the ending) and is removed
    when the block fails, so an earlier ``path`` is never damaged.

    Args:
        path: the final file.

    Yields:
        The file to write.

    Raises:
        InputError: it cannot be written, as on a full disk.
    """
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):  # where the folder itself is missing or not a folder
            partial.unlink()


def unwritable(path: Path, error: Exception) -> InputError:
    """Say in one message that a file cannot be written, and what to do.

    Args:
        path: the file.
        error: what was raised.
    """
    return InputError(
        str(path),
        expected="a disk that can be written to",
        found=" ".join(str(error).split())[:200],
        do="Free some space or choose another folder; the same command then goes on.",
    )


def write_text(text: str, path: Path) -> None:
    """Write a text file, UTF-8, whole or not at all.

    Args:
        text: the content.
        path: the file.

    Raises:
        InputError: it cannot be written, as on a full disk.
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
