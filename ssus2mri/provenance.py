"""Provenance of results: fingerprints of code, hashes of settings and of subjects."""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

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
    contents = {path: _parsed(path)[0].encode() for path in map(_source, modules)}
    folders = {path.parent for path in contents}
    for path in (
        *(weights for folder in folders for weights in folder.glob("*.safetensors")),
        *_templates([folder / "templates" for folder in folders], list(contents.values())),
    ):
        contents[path] = path.read_bytes()
    return {
        path.relative_to(PACKAGE).as_posix(): hashlib.sha256(content).hexdigest()[:12]
        for path, content in sorted(contents.items())
    }


def _templates(folders: Iterable[Path], texts: list[bytes]) -> list[Path]:
    """Return the templates that some texts name, and those that these name in turn."""
    named: list[Path] = []
    unnamed = sorted(path for folder in folders for path in folder.glob("*"))
    while texts:
        text = texts.pop()
        new = [path for path in unnamed if path.name.encode() in text]
        named += new
        texts += [path.read_bytes() for path in new]
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


def _source(module: str) -> Path:
    relative = Path(*module.split(".")[1:])
    package = PACKAGE / relative / "__init__.py"
    return package if package.is_file() else (PACKAGE / relative).with_suffix(".py")


@cache
def _parsed(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the syntax tree of a module as text, without its docstrings, and what it imports.

    Every call of Snakemake needs this of all modules: each is parsed and walked through once.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            body = node.body
            if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
                node.body = body[1:]
    return ast.dump(tree), tuple(filter(_counts, sorted(names)))


def _counts(name: str) -> bool:
    return (
        name.startswith("ssus2mri")
        and name not in _NO_SCIENCE
        and not name.startswith("ssus2mri.config.")
        and _source(name).is_file()
    )
