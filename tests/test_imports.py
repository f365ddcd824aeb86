"""The walls between the packages, and the sizes of what stands between them."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "ssus2mri"
MODULES = sorted(PACKAGE.rglob("*.py"))
COMMANDS = (
    "cli",
    "commands",
    "check",
    "plan",
    "propose",
    "why",
    "dry_run",
    "sources",
    "__main__",
)  # tie everything together

# A package may import itself, the modules beside the packages, and these.
MAY_IMPORT = {
    "config": set(),
    "simulate": set(),
    "pose": set(),
    "prepare": {"pose"},
    "models": set(),
    "learn": {"models"},
    "infer": {"models", "learn", "evaluate"},
    "segment": set(),
    "evaluate": {"segment"},
    "render": {"evaluate"},
    "rate": {"evaluate", "render"},
    "prediction": {"simulate", "pose", "prepare", "models", "learn", "infer", "render"},
}
# Libraries that only some packages may load: an image costs every import of its jobs.
ONLY_IN = {
    "torch": {"models", "learn", "infer", "pose", "segment", "prediction"},
    "safetensors": {"models", "learn", "pose", "segment"},
    "h5py": {"slices", "slice_file", "other_slices"},
    "matplotlib": {"render"},
    "jinja2": {"render", "rate"},
    "typer": {"cli", "commands"},
    "pydicom": {"images"},
    "tifffile": {"images"},
    "PIL": {"images", "render", "prepare"},
}


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def group(module: str) -> str:
    """The package that a module is in; for a module beside the packages its own name."""
    return [*module.split("."), ""][1]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    known = {dotted(module) for module in MODULES}
    return {name if name in known else name.rpartition(".")[0] or name for name in found}


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_imports_go_one_way(path):
    own = group(dotted(path))
    if own in COMMANDS:
        return
    allowed = MAY_IMPORT.get(own, {"config"}) | ({own, "config"} if own in MAY_IMPORT else set())
    for name in imports(path):
        if name.startswith("ssus2mri."):
            other = group(name)
            assert other not in COMMANDS, name
            assert other in allowed or other not in MAY_IMPORT, name


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_files_are_read_through_one_door(path):
    """Stages do not know formats: they ask `images.volume` and `images.geometry`."""
    if group(dotted(path)) in MAY_IMPORT:
        own = {name for name in imports(path) if name.startswith("ssus2mri.images.")}
        assert own <= {"ssus2mri.images.volume", "ssus2mri.images.geometry"}


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_heavy_libraries_stay_where_they_are_needed(path):
    libraries = {name.split(".")[0] for name in imports(path)}
    for library, places in ONLY_IN.items():
        assert library not in libraries or group(dotted(path)) in places, library


def test_no_module_imports_itself_in_a_circle():
    graph = {
        dotted(path): {n for n in imports(path) if n.startswith("ssus2mri.")} for path in MODULES
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_module_is_small_and_silent(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    names = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    assert "print" not in names or group(dotted(path)) == "cli"


def test_command_line_loads_no_library_of_the_stages():
    script = (
        "import sys, ssus2mri.cli;"
        "print(sorted({'torch', 'SimpleITK', 'numpy', 'pandas', 'h5py', 'matplotlib', 'scipy'}"
        " & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


@pytest.mark.parametrize("module", ["prepare.crop", "prepare.align", "simulate.cohort"])
def test_stage_of_a_volume_loads_no_torch(module):
    script = (
        f"import sys, ssus2mri.{module};"
        "print(sorted({'torch', 'pydicom', 'tifffile'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_extract_loads_no_scipy():
    """It slices and scales: of a 2D plane, loading libraries is most of what it costs."""
    script = "import sys, ssus2mri.prepare.extract; print('scipy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "False", found.stderr
