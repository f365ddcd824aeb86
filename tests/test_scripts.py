"""Scripts of studies/ and benchmarks/ import from each other only what is there.

They import their neighbours by name, which no type checker follows.
"""

import ast
from pathlib import Path

import pytest
from conftest import ROOT

SCRIPTS = sorted([*ROOT.glob("studies/*/*.py"), *ROOT.glob("benchmarks/*.py")])


def defined(script: Path) -> set[str]:
    """Return all names that the top level of a script binds."""
    names: set[str] = set()
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import() | ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
            case ast.Assign() | ast.AnnAssign():
                names |= {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names


@pytest.mark.parametrize(
    "script", SCRIPTS, ids=lambda script: f"{script.parent.name}/{script.name}"
)
def test_what_a_script_imports_from_its_neighbours_is_there(script: Path) -> None:
    for node in ast.parse(script.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            neighbour = script.with_name(f"{node.module}.py")
            if neighbour.exists():
                assert {alias.name for alias in node.names} <= defined(neighbour)


def test_names_of_all_kinds_count(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import os as system\nA, B = 1, 2\nC: int = 3\ndef d(): ...\nclass E: ...\n")
    assert {"system", "A", "B", "C", "d", "E"} <= defined(script)
    assert "missing" not in defined(script)
