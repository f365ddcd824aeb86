"""Outputs appear whole or not at all."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ssus2mri.errors import InputError


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary name ends like ``path`` (writers choose the format by the ending) and is removed
    when the block fails, so an earlier ``path`` is never damaged.

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
    """Say in one message that a file cannot be written, and what to do."""
    return InputError(
        str(path),
        expected="a disk that can be written to",
        found=" ".join(str(error).split())[:200],
        do="Free some space or choose another folder; the same command then goes on.",
    )


def write_text(text: str, path: Path) -> None:
    """Write a text file, UTF-8, whole or not at all.

    Raises:
        InputError: it cannot be written, as on a full disk.
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def remove(path: Path) -> None:
    """Remove a file, if there is one.

    Raises:
        InputError: it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def steady(paths: Iterable[Path]) -> Callable[[], None]:
    """Remember what files are like, to be asked at the end whether they still are.

    Workflows compare times at the start and at the end of a job: what was changed in between, they
    never notice.

    Args:
        paths: inputs; what is no file is left out.

    Returns:
        A function that raises `InputError` if one of them has changed or vanished.
    """
    before = {path: stamp for path in paths if (stamp := _stamp(path))}

    def require_steady() -> None:
        for path, stamp in before.items():
            now = _stamp(path)
            if now != stamp:
                raise InputError(
                    str(path),
                    expected="an input that stays as it is while it is used",
                    found="a changed file" if now else "that it has vanished",
                    do="Discard the outputs, and run again when nothing is writing to it.",
                )

    return require_steady


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return inode, size and time of a file; None where there is none."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return None
    return (state.st_ino, state.st_size, state.st_mtime_ns) if path.is_file() else None


def read_list(path: Path) -> list[str]:
    """Read names or paths, one a line, as the workflow passes them to commands.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8").split("\n") if line]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            str(path),
            expected="a text file with a name or path in each line",
            found=" ".join(str(error).split())[:200],
            do="Start the workflow again, which writes it.",
        ) from error
