"""Read JSON strictly: no key may appear twice, and every number must be finite."""

import json
import math
from typing import Any


def json_values(text: str) -> Any:
    """Read JSON.

    Raises:
        ValueError: no JSON, a key twice in one object, or a number that is not finite.
    """
    return json.loads(text, object_pairs_hook=once, parse_constant=_refused, parse_float=_finite)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a mapping.

    Raises:
        ValueError: a key twice.
    """
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"key {', '.join(map(repr, twice))} twice")
    return values


def _refused(name: str) -> Any:
    raise ValueError(f"{name}, which is no finite number")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text)
