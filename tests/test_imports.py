"""No circles among modules, no printing, and what starting a command loads.

Which package may import which is in `pyproject.toml`; `lint-imports` checks it.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "ssus2mri"
MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    modules = {dotted(module) for module in MODULES}
    return {name if name in modules else name.rpartition(".")[0] or name for name in names}


def test_no_module_imports_itself_in_a_circle():
    graph = {
        dotted(path): {n for n in imports(path) if n.startswith("ssus2mri.")} for path in MODULES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_module_is_silent(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    assert "print" not in names or dotted(path) == "ssus2mri.cli"


def test_command_line_loads_no_library_of_the_stages():
    script = (
        "import sys, ssus2mri.cli;"
        "print(sorted({'torch', 'SimpleITK', 'numpy', 'pandas', 'h5py', 'matplotlib', 'scipy',"
        " 'yaml'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


@pytest.mark.parametrize("module", ["prepare.crop", "prepare.align", "simulate.cohort"])
def test_stage_of_a_volume_loads_no_torch(module):
    script = (
        f"import sys, ssus2mri.{module};"
        "print(sorted({'torch', 'pydicom', 'tifffile'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("prepare.extract", "scipy"),
        ("prepare.crop", "scipy"),
        ("prepare.skull", "scipy.optimize"),
        ("prepare.align", "scipy.optimize"),
        ("prepare.align", "scipy.spatial"),
    ],
)
def test_a_plane_does_not_pay_for_libraries_of_volumes(module: str, library: str) -> None:
    """Of a 2D plane, loading libraries is most of what it costs; `crop` with a mask needs none."""
    script = f"import sys, ssus2mri.{module}; print({library!r} in sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert run.stdout.strip() == "False", run.stderr
