"""YAML and JSON are read without surprises: no number that looks like another, no bomb."""

from pathlib import Path
from typing import Any

import pytest

from ssus2mri.config import strict_yaml
from ssus2mri.config.base import load_yaml
from ssus2mri.errors import InputError


def levels(text: str) -> str:
    """Sixty lines of which each holds two aliases of the one before."""
    return "a0: &a0 {x: 1, y: 2}\n" + "".join(
        text.format(new=f"a{k}: &a{k}", old=f"*a{k - 1}") for k in range(1, 60)
    )


BOMBS = {
    "lists": (levels("{new} [{old}, {old}]\n"), "multiply to more than"),
    "mappings": (levels("{new} {{p: {old}, q: {old}}}\n"), "multiply to more than"),
    "merged": (levels("{new}\n  <<: [{old}, {old}]\n"), "multiply to more than"),
    "within itself": ("a: &a {b: [*a]}\n", "an alias within itself, in line 1"),
    "nested": ("a: " + "[" * 20_000, "recursion"),
    "long": ("a: " + "x" * 2_000_000, "letters of a configuration"),
    "no text": ("\0\1", "special characters"),
    "executed": ("a: !!python/object/apply:os.getcwd []\n", "constructor for the tag"),
    "octal": ("a: 010\n", "010, which is no decimal number, in line 1"),
    "base 60": ("a: 1:30\n", "1:30, which is no decimal number"),
    "base 60, with a point": ("a: 1:30.5\n", "1:30.5, which is no finite number"),
    "endless": ("a: -.inf\n", "no finite number"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "key `a` twice, in lines 1 and 3"),
}


@pytest.mark.parametrize("what", BOMBS)
def test_refused_with_a_reason(tmp_path: Path, what: str) -> None:
    text, match = BOMBS[what]
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=match) as error:
        load_yaml(tmp_path / "mine.yaml")
    assert str(tmp_path / "mine.yaml") in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n", {"x": 1}),
        ("a: 1_000\n", 1000),
        ("a: -7\n", -7),
        ("a: 1.0e-3\n", 0.001),
        ("a: 0\n", 0),
    ],
)
def test_what_is_meant_is_read(text: str, expected: Any) -> None:
    assert strict_yaml.yaml_values(text)["a"] == expected
    assert strict_yaml.yaml_values("") is None
