"""Outputs appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` when the block succeeds.

    The temporary name ends like ``path`` (writers choose the format by the ending) and is removed
    when the block fails, so an earlier ``path`` is never damaged.

    Args:
        path: the final file.

    Yields:
        The file to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(text: str, path: Path) -> None:
    """Write a text file, UTF-8, whole or not at all.

    Args:
        text: the content.
        path: the file.
    """
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")
