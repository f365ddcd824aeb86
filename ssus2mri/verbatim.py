"""Paths and texts that Snakemake takes as they are, whatever letters are in them.

It fills in ``{name}``, a wildcard, and ``<name>``, a variable of paths, in every input that a rule
names (9.27), and has no way to write them plainly. A flag on a path tells it to leave it alone.
"""

import re
from collections.abc import Callable
from typing import Any

FLAG = "verbatim"
_FILLED_IN = re.compile(r"[{<]")


def install() -> None:
    """Have Snakemake leave flagged paths as they are."""
    from snakemake.io import _IOFile
    from snakemake.pathvars import Pathvars

    if _IOFile.apply_wildcards.__module__ != __name__:
        _IOFile.apply_wildcards = _without_wildcards(_IOFile.apply_wildcards)
        Pathvars.apply = _without_variables(Pathvars.apply)


def path(name: str) -> str:
    """Return a file as an input of a rule.

    Returns:
        The path, with a flag if it needs one.
    """
    from snakemake.io import flag

    return flag(name, FLAG) if _FILLED_IN.search(name) else name


def text(value: str) -> str | Callable[[Any], str]:
    """Return a text as a parameter of a rule.

    Returns:
        The text, or, if Snakemake would take parts of it for wildcards, a function that returns it.
    """
    from snakemake.io import contains_wildcard

    return (lambda wildcards: value) if contains_wildcard(value) else value


def environment(workflow: str, file: str) -> str:
    """Return the definition of an environment, whose path Snakemake formats.

    Args:
        workflow: folder of the Snakefile.
        file: relative to the folder of the rules.

    Returns:
        The same, or, if there are braces in the path, all of it with these doubled.
    """
    if not {"{", "}"} & set(workflow):
        return file
    return f"{workflow}/rules/{file}".replace("{", "{{").replace("}", "}}")


def _without_wildcards(original: Any) -> Any:
    def apply_wildcards(self: Any, wildcards: Any) -> Any:
        return self if self.is_flagged(FLAG) else original(self, wildcards)

    return apply_wildcards


def _without_variables(original: Any) -> Any:
    from snakemake.io import is_flagged

    def apply(self: Any, path: str) -> str:
        return path if is_flagged(path, FLAG) else original(self, path)

    return apply
