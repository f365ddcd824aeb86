"""Letters that Snakemake would fill in: in paths of inputs, texts and the workflow's own folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from ssus2mri import verbatim

NAMES = ["{}", "{volume}", "{other}", "{volume,a+}", "<logs>", "<other>", "{volume", "a b"]

SNAKEFILE = """\
from ssus2mri import verbatim

verbatim.install()
NAMES = {names!r}


def by_volume(wildcards):
    return [verbatim.path(name) for name in NAMES]


rule all:
    input: "out/v.txt"

rule plain:
    input: [verbatim.path(name) for name in NAMES]
    output: "<logs>/plain.txt"
    params: text=verbatim.text("{{volume}} {{other}}")
    shell: "cat {{input:q}} > {{output}}; echo {{params.text:q}} >> {{output}}"

rule of_a_volume:
    input: names=by_volume, before="logs/plain.txt"
    output: "out/{{volume}}.txt"
    shell: "cat {{input.names:q}} {{input.before}} > {{output}}"
"""


@pytest.mark.slow
def test_every_file_is_read_under_its_name(tmp_path: Path) -> None:
    """Wildcards and variables of paths that are meant as such are filled in beside them."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(names=NAMES))
    for name in NAMES:
        (tmp_path / name).write_text(f"{name}\n")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "rules"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "out" / "v.txt").read_text()
    assert text.splitlines() == [*NAMES, *NAMES, "{volume} {other}"]


@pytest.mark.parametrize(("value", "is_text"), [('{"a":1}', True), ('{"a":"{b}"}', False)])
def test_a_text_is_a_parameter_as_it_is(value: str, is_text: bool) -> None:
    parameter = verbatim.text(value)
    assert isinstance(parameter, str) is is_text
    assert (parameter if isinstance(parameter, str) else parameter(None)) == value


def test_braces_of_the_workflows_folder_are_doubled() -> None:
    assert verbatim.environment("/a/workflow", "../../b.yaml") == "../../b.yaml"
    path = verbatim.environment("/{a}/workflow", "../../b.yaml")
    assert path.format(a="filled in") == "/{a}/workflow/rules/../../b.yaml"
