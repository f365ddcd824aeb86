"""Provenance of results: fingerprints of code, hashes of settings and of subjects."""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent

# These check and report, and compute nothing: values reach a stage as settings.
_NO_SCIENCE = ("ssus2mri", "ssus2mri.errors", "ssus2mri.config", "ssus2mri.provenance")


def fingerprint(module: str) -> str:
    """Hash the source of a module and of all of the package that it imports.

    Snakemake does not see edits inside a package, so every rule carries this in ``params``.
    Comments, docstrings and layout do not count: they cannot change a result. Weights that lie
    beside an imported module do.

    Args:
        module: dotted name, such as ``ssus2mri.prepare.align``.

    Returns:
        12 hexadecimal digits.
    """
    modules: set[str] = set()
    to_visit = [module]
    while to_visit:
        name = to_visit.pop()
        if name not in modules:
            modules.add(name)
            to_visit += imported(name)
    content = hashlib.sha256()
    for name in sorted(modules):
        content.update(f"{name}\n{_parsed(_source(name))[0]}\n".encode())
    folders = {_source(name).parent for name in modules}
    for weights in sorted(path for folder in folders for path in folder.glob("*.safetensors")):
        content.update(weights.read_bytes())
    for template in sorted((_source(module).parent / "templates").glob("*")):
        content.update(template.read_bytes())
    return content.hexdigest()[:12]


def imported(module: str) -> tuple[str, ...]:
    """Return the modules of the package that a module imports, at the top or inside functions.

    Args:
        module: dotted name.

    Returns:
        Dotted names, without those that compute nothing (`_NO_SCIENCE`).
    """
    return _parsed(_source(module))[1]


def digest(value: Any) -> str:
    """Hash a JSON-serialisable value, independent of the order of its keys.

    Args:
        value: settings, a split, a list of names.

    Returns:
        12 hexadecimal digits.
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def certificate(subjects: Iterable[str]) -> dict[str, str]:
    """Return the subjects that a model has seen, and their hash, for the model's metadata.

    Args:
        subjects: the subjects trained and validated on.

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
