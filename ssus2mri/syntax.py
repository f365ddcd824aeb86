"""What of a module's source can change a result, kept between calls of Snakemake."""

import ast
import hashlib
import json
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from ssus2mri.errors import InputError
from ssus2mri.files import write_text

_MOST = 5000  # entries, of some 200 modules in each version of the code
_new: dict[str, tuple[str, list[str]]] = {}


def parsed(source: bytes) -> tuple[str, list[str]]:
    """Return the hash of a module's syntax tree, without its docstrings, and what it imports.

    Every call of Snakemake needs this of all modules: `keep` spares the next call the parsing.

    Args:
        source: of the module, UTF-8.

    Returns:
        12 hexadecimal digits; dotted names of modules, and of what is imported from them.
    """
    key = hashlib.sha256(source).hexdigest()
    entry = _remembered().get(key) or _new.get(key)
    if entry is None:
        entry = _new[key] = _parse(source)
    return entry


def keep() -> None:
    """Write what was parsed since the last time, where that can be written."""
    if not _new:
        return
    if len(_remembered()) > _MOST:
        _remembered().clear()
    _remembered().update(_new)
    _new.clear()
    with suppress(InputError, RuntimeError):
        write_text(json.dumps(_remembered()), _memory())


def _memory() -> Path:
    """Return the file of the user's cache.

    Raises:
        RuntimeError: the user has no home.
    """
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache_home) / "ssus2mri" / f"syntax-{sys.implementation.cache_tag}.json"


@cache
def _remembered() -> dict[str, tuple[str, list[str]]]:
    try:
        return dict(json.loads(_memory().read_bytes()))
    except (OSError, RuntimeError, TypeError, ValueError):
        return {}


def _parse(source: bytes) -> tuple[str, list[str]]:
    tree = ast.parse(source)
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
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:12], sorted(names)
