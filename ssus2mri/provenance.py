"""Provenance of results: fingerprints of code, hashes of settings and of subjects."""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from ssus2mri import syntax
from ssus2mri.files import write_text

PACKAGE = Path(__file__).parent

noted: dict[str, Any] = {}
"""What the hashes of this process mean."""

# These check and report, and compute nothing: values reach a stage as settings.
_NO_SCIENCE = ("ssus2mri", "ssus2mri.errors", "ssus2mri.config", "ssus2mri.provenance")


def fingerprint(*modules: str) -> str:
    """Hash the source of modules and of all of the package that they import.

    Snakemake does not see edits inside a package, so every rule carries this in ``params``.
    Comments, docstrings and layout do not count: they cannot change a result. Weights that lie
    beside an imported module do, and so do the templates that the modules name.

    Args:
        modules: dotted names, such as ``ssus2mri.prepare.align``.

    Returns:
        12 hexadecimal digits.
    """
    return note({path: content for module in modules for path, content in sources(module).items()})


def sources(module: str) -> dict[str, str]:
    """Hash each file that counts in a `fingerprint`.

    Returns:
        Path within the package -> 12 hexadecimal digits.
    """
    modules: set[str] = set()
    to_visit = [module]
    while to_visit:
        name = to_visit.pop()
        if name not in modules:
            modules.add(name)
            to_visit += imported(name)
    codes = {_source(name): _parsed(_source(name))[0] for name in modules}
    syntax.keep()
    folders = {path.parent for path in codes}
    data = [
        *(weights for folder in folders for weights in folder.glob("*.safetensors")),
        *_templates([folder / "templates" for folder in folders], list(codes)),
    ]
    hashes = codes | {path: _hashed(path) for path in data}
    return {path.relative_to(PACKAGE).as_posix(): hashes[path] for path in sorted(hashes)}


def _templates(folders: Iterable[Path], sources: list[Path]) -> list[Path]:
    """Return the templates that some files name, and those that these name in turn."""
    named: list[Path] = []
    unnamed = sorted(path for folder in folders for path in folder.glob("*"))
    while sources and unnamed:
        text = _content(sources.pop())
        new = [path for path in unnamed if path.name.encode() in text]
        named += new
        sources += new
        unnamed = [path for path in unnamed if path not in new]
    return named


def imported(module: str) -> tuple[str, ...]:
    """Return the modules of the package that a module imports, at the top or inside functions.

    Returns:
        Dotted names, without those that compute nothing (`_NO_SCIENCE`).
    """
    return _parsed(_source(module))[1]


def note(value: Any) -> str:
    """Hash a value as `digest` does, and keep it, so that `remember` can say what the hash meant.

    Returns:
        12 hexadecimal digits.
    """
    name = digest(value)
    noted[name] = value
    return name


def remember(folder: Path) -> None:
    """Write what the noted hashes mean, a file each: `ssus2mri why` compares them later.

    Raises:
        InputError: it cannot be written to.
    """
    for name, value in noted.items():
        path = folder / f"{name}.json"
        if not path.exists():
            write_text(json.dumps(value, default=str) + "\n", path)


def digest(value: Any) -> str:
    """Hash a JSON-serialisable value, independent of the order of its keys.

    Returns:
        12 hexadecimal digits.
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def certificate(subjects: Iterable[str]) -> dict[str, str]:
    """Return the subjects that a model has seen, and their hash, for the model's metadata.

    Returns:
        ``subjects`` (JSON list) and ``subjects_hash``.
    """
    names = sorted(set(subjects))
    return {"subjects": json.dumps(names), "subjects_hash": digest(names)}


@cache
def _source(module: str) -> Path:
    relative = Path(*module.split(".")[1:])
    package = PACKAGE / relative / "__init__.py"
    return package if package.is_file() else (PACKAGE / relative).with_suffix(".py")


@cache
def _parsed(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the hash of a module's code, and the modules of the package that it imports."""
    code, names = syntax.parsed(_content(path))
    return code, tuple(filter(_counts, names))


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _counts(name: str) -> bool:
    return (
        name.startswith("ssus2mri")
        and name not in _NO_SCIENCE
        and not name.startswith("ssus2mri.config.")
        and _source(name).is_file()
    )
