"""Translate Snakemake's reason for a job into causes: keys of settings, rows, files and code."""

import ast
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ssus2mri.config.base import Section
from ssus2mri.config.project import Project
from ssus2mri.manifest import Row

Meaning = Callable[[str], Any]
"""From a hash to what was hashed, or None where nobody remembers."""
Causes = list[tuple[str, list[str]]]
"""What has changed, and the files or stages that it is about."""

FOLLOWS = "follows from"
_PARAMS = "Params have changed since last execution: "
_NOTHING, _SOFTWARE = "<nothing exclusive>", "Software environment definition has changed"
_WORDS = {
    "Missing output files": "missing",
    "Incomplete output files": "interrupted",
    "Updated input files": "changed file",
    "Set of input files has changed since last execution": "other input files",
    "Code has changed since last execution": "another command in the rule",
    "Forced execution": "asked for",
}
_HASH = re.compile(r"[0-9a-f]{12}")
_TRAINING = re.compile(r"results/checkpoints/.+-([0-9a-f]{12})")


def causes(reason: str, before: Meaning, now: Meaning) -> Causes:
    """Say why Snakemake runs a job.

    Args:
        reason: in its words.
        before: the meaning of hashes of earlier runs.
        now: the meaning of hashes of the present settings and code.

    Returns:
        What has changed, such as ``crop.margin_mm: 6.0 -> 7.0``.
    """
    plain, _, params = reason.partition(_PARAMS)
    causes = [_plainly(part) for part in plain.rstrip("; ").split("; ") if part]
    return causes + (_parameters(params, before, now) if params else [])


def _plainly(part: str) -> tuple[str, list[str]]:
    what, _, names = part.partition(": ")
    files = names.split(", ") if names else []
    if what == "Input files updated by another job":
        return FOLLOWS, [Path(file).parts[1] for file in files if len(Path(file).parts) > 2]
    return _WORDS.get(what, what), files


def _parameters(text: str, before: Meaning, now: Meaning) -> Causes:
    sides = _sides(text.partition(f"; {_SOFTWARE}")[0].partition("before: ")[2])
    if sides is None:
        return [("other parameters", [])]
    old, new = map(_sorted, sides)
    causes: Causes = []
    for kind, tell in (("code", _code), ("training", _training)):
        if kind in old or kind in new:
            causes += tell(old.pop(kind, ""), new.pop(kind, ""), before, now)
    texts = [" ".join(side.pop("texts", ["none"])) for side in (old, new)]
    if texts[0] != texts[1]:
        causes.append(("another list or name", [" -> ".join(texts)]))
    return causes + differences(old, new, "")


def _sides(text: str) -> tuple[list[Any], list[Any]] | None:
    """Read the parameters before and now, Python literals between commas; None: unreadable."""
    text = text.replace(_NOTHING, "")
    for between in re.finditer(" now: ", text):  # a title may hold these letters, too
        try:
            before = ast.literal_eval(f"[{text[: between.start()].strip()}]")
            return before, ast.literal_eval(f"[{text[between.end() :].strip()}]")
        except (SyntaxError, ValueError):
            continue
    return None


def _sorted(values: list[Any]) -> dict[str, Any]:
    """Sort parameters by what they are."""
    parameters: dict[str, Any] = {}
    for value in map(str, values):
        training = _TRAINING.fullmatch(value)
        content = _json(value)
        if _HASH.fullmatch(value):
            parameters["code"] = value
        elif training:
            parameters["training"] = training.group(1)
        elif isinstance(content, dict):
            section = section_of(content)
            parameters[section] = {**parameters.get(section, {}), **content}
        else:
            parameters.setdefault("texts", []).append(value or "empty")
    return parameters


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def section_of(content: Mapping[str, Any]) -> str:
    """Return the section of the configuration, or ``row`` of the manifest, that has these keys."""
    if content and set(content) <= set(Row.model_fields):
        return "row"
    for name, field in Project.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section) and _keys(kind) == set(content):
            return field.alias or name
    return f"pathologies, {content['kind']}" if "kind" in content else "runs"


def _keys(section: type[Section]) -> set[str]:
    return {field.alias or name for name, field in section.model_fields.items()}


def _code(old: str, new: str, before: Meaning, now: Meaning) -> Causes:
    then, today = before(old), now(new)
    if then is None or today is None:
        return [("changed code", [])]
    files = sorted(file for file in {*then, *today} if then.get(file) != today.get(file))
    return [("changed code", files)]


def _training(old: str, new: str, before: Meaning, now: Meaning) -> Causes:
    then, today = before(old), now(new)
    if then is None or today is None:
        return [("settings, rows or code of training or before it", [])]
    causes: Causes = []
    for module, name in today.pop("code").items():
        earlier = then["code"].get(module)
        if earlier and earlier != name:
            causes += _code(earlier, name, before, now)
    del then["code"]
    causes += differences(then, today, "")
    return causes


def differences(old: Any, new: Any, name: str) -> Causes:
    """List the keys by which two values differ.

    Returns:
        A cause for each key, such as ``crop.margin_mm: 6.0 -> 7.0``.
    """
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return [(f"{name}: {_short(old)} -> {_short(new)}", [])] if old != new else []
    causes: Causes = []
    for key in dict.fromkeys([*old, *new]):
        path = f"{name}.{key}" if name else str(key)
        if key not in old or key not in new:
            causes.append((f"{path}: {'added' if key in new else 'removed'}", []))
        else:
            causes += differences(old[key], new[key], path)
    return causes


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}..."
