"""Options that several commands share, and the values that they accept."""

import math
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ssus2mri import files
from ssus2mri.config import strict
from ssus2mri.config.rows import LEAST_WEEKS, MOST_WEEKS, Columns
from ssus2mri.config.values import file_name
from ssus2mri.errors import InputError
from ssus2mri.files import steady
from ssus2mri.images.files import parts


def _checked(option: str, expected: str, good: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """Make a callback that refuses a value, as any bad input is refused."""

    def check(value: Any) -> Any:
        if not good(value):
            do = "Correct the option."
            raise InputError(option, expected=expected, found=repr(value), do=do)
        return value

    return check


def _is_name(value: str) -> bool:
    try:
        return bool(file_name(value))
    except ValueError:
        return False


def _range(low: float, high: float) -> Callable[[float], bool]:
    return lambda value: math.isfinite(value) and low <= value <= high


NAME = "a name of letters, digits, '.', '_' and '-'"
count = _checked("--threads or --processes", "1 to 1024", _range(1, 1024))
pixel = _checked("--pixel-mm", "0.02 to 5 mm, or 0", lambda v: v == 0 or _range(0.02, 5)(v))


def weeks(text: str) -> float:
    """Read a gestational age; of an empty text 0: none is given."""
    with suppress(ValueError):
        value = float(text or 0)
        if value == 0 or _range(LEAST_WEEKS, MOST_WEEKS)(value):
            return value
    raise InputError(
        "--ga-weeks",
        expected=f"{LEAST_WEEKS} to {MOST_WEEKS} weeks with a decimal point, such as 23.57 for"
        " 23 + 4",
        found=repr(text),
        do="Correct the option.",
    )


def require_folder(out: Path) -> None:
    """Refuse a folder that cannot be written to, before anything is computed."""
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise InputError(
            str(out),
            expected="a folder that can be written to",
            found=f"{existing}, {'no permission' if existing.is_dir() else 'which is a file'}",
            do="Choose another folder with --out.",
        )


def files_argument(what: str) -> Any:
    """Return the files of a command, as paths or in a list; see `listed`."""
    return typer.Argument(help=f"{what}, or @FILE.")


def paths_option(what: str) -> Any:
    """Return an option for several files; see `paths`."""
    return typer.Option(help=f"{what}, separated by spaces, or @FILE.")


Settings = Annotated[
    str, typer.Option(help="The stage's section as JSON, or a whole configuration file (YAML).")
]
Labels = Annotated[str, typer.Option(help="JSON: run -> name in tables, in their order.")]
Methods = Annotated[str, typer.Option(help="JSON: run -> its method (`train.method`).")]
Model = Annotated[Path, typer.Argument(help="model.safetensors of the run.")]
Extracts = Annotated[list[Path], files_argument("US slice files")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Run = Annotated[
    str, typer.Option(help="Name of the run.", callback=_checked("--run", NAME, _is_name))
]
Threads = Annotated[int, typer.Option(help="CPU threads.", callback=count)]
Template = Annotated[Path, typer.Option(help="Template of the modality, written by `template`.")]
Matched = Annotated[
    str, typer.Option(help="Folder of matched MR, for runs that use it; empty: none.")
]
Synthetic = Annotated[list[Path] | None, files_argument("Synthetic slice files of one run")]
OtherFolder = Annotated[
    Path | None,
    typer.Option(
        "--synthetic",
        help="Instead of slice files: folder of another tool's synthetic MR (config/README.md).",
    ),
]
OtherRun = Annotated[
    str,
    typer.Option(
        "--run",
        help="Name of that MR in tables.",
        callback=_checked("--run", f"{NAME}, or nothing", lambda v: not v or _is_name(v)),
    ),
]
DEFAULT = "config/config.yaml"


def section_option(name: str) -> Any:
    """Return an option for the settings of another stage."""
    return typer.Option(help=f"Section `{name}` as JSON, or a whole configuration file (YAML).")


def row_option(columns: type[Columns]) -> Any:
    """Return the option ``--row`` of a command."""
    fields = columns.model_fields.items()
    needed = ", ".join(name for name, field in fields if field.is_required())
    optional = ", ".join(name for name, field in fields if not field.is_required())
    names = "; ".join(filter(None, (needed, f"optional: {optional}" if optional else "")))
    return typer.Option(
        help=f"Columns of the manifest ({names}): JSON, or by hand 'modality=us ga_weeks=23'."
    )


_watched: list[Callable[[], None]] = []


def watch(*paths: Path | str | None) -> None:
    """Remember files that must not change while the command runs; see `require_steady`."""
    _watched.append(steady(Path(path) for path in paths if path))


def require_steady() -> None:
    """Refuse the end of a command whose inputs have changed since its start.

    Raises:
        InputError: one has changed or vanished; what was written may be a mixture.
    """
    while _watched:
        _watched.pop()()


def listed(values: Iterable[Path]) -> list[Path]:
    """Return the paths that arguments name: ``@FILE`` stands for those in a file, one a line.

    Raises:
        InputError: there is no such file.
    """
    return [
        path
        for value in values
        for path in (paths(str(value)) if str(value).startswith("@") else [value])
    ]


def words(text: str) -> list[str]:
    """Return the names or paths in a text: separated by spaces, or the lines of ``@FILE``.

    Raises:
        InputError: there is no such file.
    """
    return files.read_list(Path(text[1:])) if text.startswith("@") else text.split()


def paths(text: str) -> list[Path]:
    """Return the paths in a text; see `words`."""
    return [Path(word) for word in words(text)]


def optional(text: str) -> Path | None:
    """Return the path in a text; None if it is empty."""
    return Path(text) if text else None


def texts(option: str, value: str, *, may_be_empty: bool = False) -> dict[str, str]:
    """Return a mapping of names to texts, as the workflow passes labels and methods of runs.

    Args:
        option: of the command line, for the message.
        value: its value, a JSON object.
        may_be_empty: whether an object without names will do.

    Raises:
        InputError: anything else.
    """
    try:
        mapping = strict.json_values(value)
    except (ValueError, RecursionError) as error:
        mapping, problem = None, str(error)
    else:
        problem = value[:80]
    if not isinstance(mapping, dict) or not (mapping or may_be_empty):
        raise InputError(
            option,
            expected="a JSON object of names and texts",
            found=problem,
            do=f"""For example {option}='{{"ours": "Ours"}}'.""",
        )
    return {name: str(text) for name, text in mapping.items()}


def apart(outputs: dict[str, Path], *inputs: Path | str | None, series: Path | None = None) -> None:
    """Refuse to write over an input, or two outputs into one file; `watch` the inputs.

    Args:
        outputs: option -> file or folder to write.
        inputs: files to read; empty ones do not count.
        series: an input that may be a folder of images, in which nothing else must lie.

    Raises:
        InputError: two of them are one file.
    """
    paths = [Path(path) for path in inputs if path]
    watch(*paths, *(part for path in paths for part in parts(path)))
    taken = {_place(part): f"the input {path}" for path in paths for part in (path, *parts(path))}
    for option, path in outputs.items():
        place = _place(path)
        if place.parent == (_place(series) if series else None):
            place = place.parent
        if place in taken:
            raise InputError(
                f"{option} {path}",
                expected="a file of its own",
                found=taken[place],
                do="Choose another name for the output.",
            )
        taken[place] = f"the same file as {option}"


def _place(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a circle of links
        return path
