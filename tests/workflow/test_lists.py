"""Lists of files that would make a command too long go through files."""

import os
import re
from pathlib import Path

import pytest
from conftest import CONFIG, ROOT
from typer.testing import CliRunner

from ssus2mri import plan
from ssus2mri.cli import app
from ssus2mri.commands.options import listed, words
from ssus2mri.errors import InputError

MOST = 128 * 1024  # bytes of one argument, Linux


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_list_of_12400_scans_comes_back_as_it_was(folder):
    paths = [f"results/extract/sub-{n:05d}_ses-01 ü'$%{{}}_us.h5" for n in range(12_400)]
    assert len(" ".join(paths)) > MOST
    argument = f"@{plan.write_listing(paths)}"
    assert len(argument) < 100
    assert listed([Path(argument)]) == [Path(path) for path in paths]
    assert words(argument) == paths


def test_paths_and_lists_stand_beside_each_other(folder):
    argument = f"@{plan.write_listing(['b c.h5', 'd.h5'])}"
    assert [str(path) for path in listed([Path("a a.h5"), Path(argument)])] == [
        *("a a.h5", "b c.h5", "d.h5")
    ]
    assert words("a b") == ["a", "b"]


def test_the_same_list_has_the_same_name_and_is_written_once(folder):
    path = plan.write_listing(["a", "b"])
    os.utime(path, (1, 1))
    assert plan.write_listing(["a", "b"]) == path == plan.listing(["a", "b"])
    assert path.stat().st_mtime == 1
    assert plan.listing(["b", "a"]) != path


def test_a_list_that_was_changed_is_written_again(folder):
    path = plan.write_listing(["a", "b"])
    path.write_text("a\n")
    assert words(f"@{plan.write_listing(['a', 'b'])}") == ["a", "b"]


def test_a_list_that_is_missing_is_named(folder):
    with pytest.raises(InputError, match=r"^none\.txt: expected a text file with a name or path"):
        listed([Path("@none.txt")])


def test_a_command_reads_its_files_from_a_list(folder):
    """The first file of the list is looked for, and is not there."""
    argument = f"@{plan.write_listing(['missing-1.h5', 'missing-2.h5'])}"
    options = (f"--references={argument}", "--out=o.csv", f"--settings={CONFIG}")
    done = CliRunner().invoke(app, ["register", argument, *options])
    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith("missing-1.h5: expected a slice file")


@pytest.mark.parametrize("path", sorted((ROOT / "workflow" / "rules").glob("*.smk")))
def test_no_rule_passes_a_list_of_scans_as_arguments(path):
    """Inputs that grow with the number of scans reach a command by `params` only."""
    text = path.read_text(encoding="utf-8")
    for rule in text.split("\nrule ")[1:]:
        inputs = rule.split("    input:")[-1].split("    output:")[0]
        many = re.findall(r"(\w+)=(?:extracts\(|matched\(|expand\([^)]*volume=)", inputs)
        shell = rule.split("    shell:")[-1]
        assert [name for name in many if f"{{input.{name}}}" in shell] == []
