"""One subcommand per stage: parse, call one function, exit code. No logic, no heavy import.

A stage's package is imported inside its command: `ssus2mri --help` loads none of them, and a
thousand crop jobs never load torch. Commands with ``--then`` between them share one process.
"""

import errno
import gc
import logging
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from ssus2mri import __version__
from ssus2mri.commands import evaluate, pages, predict, rate, runs, scans
from ssus2mri.commands.options import DEFAULT, require_steady
from ssus2mri.commands.quick import be_quick
from ssus2mri.errors import InputError, RefusalError

THEN = "--then"
_OF_PATHS = (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EACCES, errno.EPERM)
"""What can only be wrong with a path that was given."""
# As torch says it of a processor and of a GPU, and SimpleITK of an image.
_SHORT_OF_MEMORY = re.compile(
    "can't allocate memory|out of memory|Failed to allocate memory", re.IGNORECASE
)

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="US-to-MR synthesis of the fetal brain. `predict` takes single scans; most other commands"
    f" are stages of the workflow, of which several with {THEN} between them share a process.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ssus2mri {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option(help="Show tracebacks and debug messages.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version.")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
        force=True,
    )
    if not debug:  # what matters of a library's warnings is said as an error of our own
        warnings.simplefilter("ignore")
    for noisy in ("matplotlib", "PIL", "tifffile", "pydicom"):
        logging.getLogger(noisy).setLevel(logging.WARNING if debug else logging.CRITICAL)


@app.command()
def check(
    config: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Configuration files over config/config.yaml; later ones override earlier ones."
        ),
    ] = None,
    manifest: Annotated[
        str, typer.Option(help="Manifest to use instead of the configured one.")
    ] = "",
) -> None:
    """Report every problem in configuration, manifest and images before a long run starts."""
    from ssus2mri.check import run_check

    messages, checked = run_check(config or [], manifest, base=Path(DEFAULT))
    for message in messages:
        typer.echo(message, err=True)
    if messages:
        raise InputError.several([f"{len(messages)} problem(s) in {checked}"])
    typer.echo(f"Checked {checked}: all in order.")


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder that holds the images, directly or in subfolders.")
    ],
    out: Annotated[
        str, typer.Option(help="Manifest to write; empty: manifest.csv in the folder.")
    ] = "",
) -> None:
    """Propose a manifest: a row for each image, with blanks for you to fill in."""
    from ssus2mri.propose import run_init

    path, rows = run_init(folder, Path(out) if out else folder / "manifest.csv")
    typer.echo(
        f"{path}: {rows} images. Fill the empty columns, and rename volumes where the name of a"
        f" file tells who it is: outputs carry it. Then run `ssus2mri check --manifest {path}`."
    )


@app.command()
def resources(
    results: Annotated[Path, typer.Argument(help="Results folder of the workflow.")] = Path(
        "results"
    ),
) -> None:
    """Propose memory, time and threads for every stage from the records of finished jobs."""
    from ssus2mri.resources import profile, propose

    typer.echo(profile(propose(results / "benchmark")), nl=False)


@app.command()
def new(
    folder: Annotated[
        Path, typer.Argument(help="Folder to create; an existing one must be empty.")
    ],
) -> None:
    """Lay out a new project: workflow, profiles and configuration of this version."""
    from ssus2mri.project import lay_out

    lay_out(folder)
    typer.echo(
        f"{folder}: workflow/, config/ and envs/ of ssus2mri {__version__}. Go there, propose a"
        " manifest with `ssus2mri init IMAGES --out data_manifest.csv`, check it with `ssus2mri"
        " check`, then run `snakemake`."
    )


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def why(context: typer.Context) -> None:
    """Say which stages would run, why, and how long they took; takes Snakemake's arguments."""
    from ssus2mri.why import run_why

    for line in run_why(context.args):
        typer.echo(line)


app.add_typer(predict.app)
app.add_typer(scans.app)
app.add_typer(runs.app)
app.add_typer(evaluate.app)
app.add_typer(pages.app)
app.add_typer(rate.app, name="rate")


def steps(arguments: Sequence[str]) -> list[list[str]]:
    """Return the commands of a line: the next one follows after ``--then``.

    For a 2D plane, starting Python and its libraries takes longer than all that is done with it.

    Args:
        arguments: all words of the line, such as ``crop … --then align …``.
    """
    commands: list[list[str]] = [[]]
    for word in arguments:
        if word == THEN:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def _run(command: Callable[[list[str]], object], arguments: list[str]) -> None:
    """Run one command; ends the process where it fails."""
    try:
        command(arguments)
    except SystemExit as end:  # with 0 after each command
        if end.code:
            raise
    finally:  # an input that changed is the cause of whatever else failed
        require_steady()


def main() -> None:
    """Run the commands; the user's mistakes become one message and exit code 1, refusals 3."""
    debug = "--debug" in sys.argv[1:]
    commands = steps(sys.argv[1:])
    try:
        command = typer.main.get_command(app)  # `app(arguments)` would make it for each
        if len(commands) > 1:
            be_quick()
        for arguments in commands:
            _run(command, arguments)
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        message, code = _answer(error)
        print(f"ssus2mri: {message}", file=sys.stderr)
        sys.exit(code)
    finally:
        gc.freeze()  # or Python looks for garbage among all that libraries hold, before it ends


def _answer(error: Exception) -> tuple[str, int]:
    """Return what is said of an error, and the exit code."""
    if isinstance(error, RefusalError):
        return str(error), 3
    if isinstance(error, InputError):
        return str(error), 1
    if isinstance(error, OSError) and error.filename and error.errno in _OF_PATHS:
        path = f"{error.filename}: expected a path that can be used; found {error.strerror}."
        return f"{path} Correct the path, or its permissions.", 1
    if isinstance(error, MemoryError) or _SHORT_OF_MEMORY.search(str(error)):
        use = "Use a machine with more, smaller batches (`batch_size`) or smaller images."
        return f"not enough memory. {use}", 1
    fault = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    report = f"Please report it with {_kept(error)}."
    return f"a fault of this program, not of your input: {fault}. {report}", 2


def _kept(error: Exception) -> Path:
    """Write where a fault happened into a file, among a project's logs where there are such."""
    logs = Path("logs")
    folder = logs if logs.is_dir() and os.access(logs, os.W_OK) else Path(tempfile.gettempdir())
    path = folder / f"ssus2mri-fault-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    lines = [f"ssus2mri {__version__}: {sys.argv[1:]}\n", *traceback.format_exception(error)]
    with suppress(OSError):
        path.write_text("".join(lines), encoding="utf-8")
    return path
