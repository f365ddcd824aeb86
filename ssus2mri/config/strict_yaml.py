"""Read YAML as strictly as `ssus2mri.config.strict` reads JSON."""

import math
import re
from typing import Any

import yaml

_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)")
MOST_LETTERS, MOST_VALUES = 2**20, 100_000
"""Of a configuration; ours has a few hundred values."""


def yaml_values(text: str) -> Any:
    """Read YAML; see `ssus2mri.config.strict.json_values`.

    Raises:
        ValueError: as there; more text than a configuration has; or aliases that contain themselves
            or multiply to more values than one has.
    """
    if len(text) > MOST_LETTERS:
        raise ValueError(f"more than the {MOST_LETTERS} letters of a configuration")
    try:
        return _constructed(_Loader(text))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _constructed(loader: "_Loader") -> Any:
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _values_of(node, {}) > MOST_VALUES:
            raise ValueError(f"aliases that multiply to more than {MOST_VALUES} values")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _values_of(node: yaml.Node, counted: dict[int, int]) -> int:
    """Count the values under a node, those of an alias as often as it stands there."""
    key = id(node)
    if key not in counted:
        counted[key] = -1
        children = (
            [part for pair in node.value for part in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
            if isinstance(node, yaml.SequenceNode)
            else []
        )
        counted[key] = 1 + sum(_values_of(child, counted) for child in children)
    if counted[key] < 0:
        raise ValueError(f"an alias within itself, in line {node.start_mark.line + 1}")
    return counted[key]


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

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if not _DECIMAL.fullmatch(node.value):  # 010 would be 8, and 1:30 would be 90
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"{node.value}, which is no decimal number, in line {line}")
        return int(super().construct_yaml_int(node))

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        value = super().construct_yaml_float(node)
        if not math.isfinite(value) or ":" in node.value:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"{node.value}, which is no finite number, in line {line}")
        return float(value)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
