"""Run Snakemake many times, but import it once: a process of its own forks for every run.

``python forked_snakemake.py`` reads a run from each line: its arguments, folder, environment, and
the file for what it says, as JSON; it answers with the exit code. The package is not imported
before the fork, because every project has a copy of its own.
"""

import json
import os
import sys
from typing import Any, NoReturn


def main() -> None:
    """Answer until there are no more lines."""
    import pydantic  # noqa: F401  # what every run imports
    import snakemake.cli
    import snakemake.report.html_reporter  # noqa: F401

    assert "ssus2mri" not in sys.modules
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run(asked: dict[str, Any]) -> NoReturn:
    """Run Snakemake as ``python -m snakemake`` does."""
    from snakemake.cli import main as snakemake

    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    said = os.open(asked["said"], os.O_WRONLY | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (said, 1), (said, 2)):
        os.dup2(source, target)
    sys.path[:0] = [asked["folder"], asked["folder"]]  # that of `-m`, that of PYTHONPATH
    sys.argv = ["snakemake", *asked["arguments"]]
    snakemake(asked["arguments"])
    sys.exit()


if __name__ == "__main__":
    main()
