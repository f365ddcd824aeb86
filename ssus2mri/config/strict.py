"""Text to values, as YAML and JSON say it, but no key twice and every number finite."""

import json
import math
from typing import Any

import yaml


def json_values(text: str) -> Any:
    """Read JSON.

    Args:
        text: of a whole value.

    Returns:
        The value.

    Raises:
        ValueError: no JSON, a key twice in one object, or a number that is not finite.
    """
    return json.loads(text, object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite)


def yaml_values(text: str) -> Any:
    """Read YAML; see `json_values`."""
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


class _Loader(yaml.SafeLoader):
    """YAML in which no key stands twice and every number is finite."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name, line = key.value, key.start_mark.line + 1
            if not isinstance(name, str):
                continue
            if name in seen:
                raise yaml.YAMLError(f"key `{name}` twice, in lines {seen[name]} and {line}")
            seen[name] = line
        return super().construct_mapping(node, deep)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        value = super().construct_yaml_float(node)
        if not math.isfinite(value):
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"{node.value}, which is no finite number, in line {line}")
        return float(value)


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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
