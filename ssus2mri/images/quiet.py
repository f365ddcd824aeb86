"""Catch what C libraries write to the error stream about a file."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_LOCK = threading.Lock()
_STDERR = 2
_OUR_LOG = re.compile(r"\d\d:\d\d:\d\d ")


def overheard(work: Callable[[], T]) -> tuple[T, str]:
    """Call a decoder, and catch what its library writes to the error stream.

    One thread at a time, since the stream is the process's; log lines that another thread writes
    meanwhile are passed on.

    Returns:
        Its result, and the last line that was said, which holds the reason; empty: nothing.
    """
    with _LOCK, tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        kept = os.dup(_STDERR)
        os.dup2(caught.fileno(), _STDERR)
        try:
            result = work()
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
        caught.seek(0)
        lines = caught.read().decode("utf-8", "replace").splitlines()
    for line in lines:
        if _OUR_LOG.match(line):
            sys.stderr.write(f"{line}\n")
    theirs = [line.strip() for line in lines if line.strip() and not _OUR_LOG.match(line)]
    return result, theirs[-1][:160] if theirs else ""
