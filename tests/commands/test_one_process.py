"""Several commands of a line share a process, and leave what they would leave one by one."""

import os
import subprocess
import sys
from pathlib import Path

import planes
import pytest
from conftest import CONFIG, ROOT, CommandLine
from PIL import Image

from ssus2mri import cli


def commands(scan: Path, atlas: Path, out: Path) -> list[list[str]]:
    """The steps of a 2D plane, as rule `prepare` calls them."""
    row = "--row=modality=us ga_weeks=21 plane=axial"
    image, mask, aligned = out / "cut.nii.gz", out / "cut_mask.nii.gz", out / "p.nii.gz"
    labels = f"--template-labels={atlas / 'labels.nii.gz'}"
    return [
        [
            *("crop", str(scan), f"--mask={scan.with_name('head.png')}", f"{row} pixel_mm=0.15"),
            *(f"--out={image}", f"--out-mask={mask}", f"--settings={CONFIG}"),
        ],
        [
            *("align", str(image), f"--mask={mask}", f"--template={atlas / 'us.nii.gz'}", labels),
            *(f"--out={aligned}", f"--settings={CONFIG}", row),
        ],
        [
            *("extract", str(aligned), f"--mask={mask}", f"--transform={out / 'p.tfm'}"),
            *(f"{row} volume=p subject=s split=train", f"--settings={CONFIG}"),
            f"--out={out / 'p.h5'}",
        ],
    ]


def joined(steps: list[list[str]]) -> list[str]:
    return [word for step in steps for word in (cli.THEN, *step)][1:]


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A drawn plane; beside it the mask of its head."""
    picture, head = planes.draw(0)
    Image.fromarray(picture).save(tmp_path / "scan.png")
    Image.fromarray(head).save(tmp_path / "head.png")
    return tmp_path / "scan.png"


def test_a_line_is_cut_at_the_word_between_its_commands() -> None:
    assert cli.steps(["crop", "a", "--then", "align", "b"]) == [["crop", "a"], ["align", "b"]]
    assert cli.steps([]) == [[]]


def test_one_process_leaves_the_bytes_of_three(
    tmp_path: Path,
    scan: Path,
    template: Path,
    command_line: CommandLine,
) -> None:
    for step in commands(scan, template, tmp_path / "three"):
        assert command_line(*step)[0] == 0
    assert command_line(*joined(commands(scan, template, tmp_path / "one")))[0] == 0
    written = sorted(path.name for path in (tmp_path / "three").iterdir())
    assert len(written) == 7
    for name in written:
        together, apart = ((tmp_path / way / name).read_bytes() for way in ("one", "three"))
        assert together == apart, name


def test_a_step_that_fails_is_the_last(
    tmp_path: Path,
    scan: Path,
    template: Path,
    command_line: CommandLine,
) -> None:
    (template / "us.nii.gz").write_bytes(b"not an image")
    out = tmp_path / "out"
    code, said = command_line(*joined(commands(scan, template, out)))
    assert code == 1
    assert f"ssus2mri: {template / 'us.nii.gz'}: expected" in said
    assert sorted(path.name for path in out.iterdir()) == ["cut.nii.gz", "cut_mask.nii.gz"]


def python(program: str) -> str:
    """Run a program on this package; give what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, check=True
    ).stdout


def test_a_plane_loads_only_what_it_needs(
    tmp_path: Path,
    scan: Path,
    template: Path,
) -> None:
    """Loading libraries is half of what it costs."""
    line = ["ssus2mri", *joined(commands(scan, template, tmp_path / "out"))]
    unneeded = {"numpy.f2py", "numpy.testing", "unittest", "scipy.optimize", "pandas", "torch"}
    said = python(
        f"import sys; from ssus2mri import cli; sys.argv = {line!r}\n"
        f"try:\n  cli.main()\nexcept SystemExit as end:\n  assert not end.code\n"
        f"print(sorted({unneeded!r} & set(sys.modules)))"
    )
    assert said == "[]\n"
    assert (tmp_path / "out" / "p.h5").is_file()


def test_libraries_are_whole_after_they_were_loaded_quickly() -> None:
    said = python(
        "from ssus2mri.commands.quick import be_quick; be_quick(); import numpy, scipy.optimize;"
        "print(numpy.f2py.__file__, numpy.testing.assert_equal, scipy.optimize.minimize.__doc__)"
    )
    assert "Minimization of scalar function" in said
