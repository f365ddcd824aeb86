"""A configuration that cannot be meant is refused, key by key."""

from pathlib import Path

import pytest
import yaml
from conftest import CommandLine


@pytest.mark.parametrize("content", [None, "a: [", "just text", b"\xff\xfe\x00"])
def test_unreadable_configuration(
    tmp_path: Path, command_line: CommandLine, content: str | bytes | None
) -> None:
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    code, said = command_line("check", str(path))
    assert (code, str(path) in said, "Traceback" in said) == (1, True, False), said


def test_outside_the_project_it_says_where_it_looked(
    tmp_path: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = command_line("check")
    assert code == 1
    assert "config/config.yaml: expected a YAML file" in said
    assert f"work in the folder that it starts from, not in {tmp_path}" in said


@pytest.mark.parametrize("run_name", ["x$(id>pwned)", "../x", "a b", ""])
def test_name_of_a_run_is_a_name(project: Path, command_line: CommandLine, run_name: str) -> None:
    (project / "mine.yaml").write_text(
        yaml.safe_dump({"runs": {run_name: {"label": "q"}}, "enabled_runs": [run_name, "copy"]})
    )
    code, said = command_line("check", str(project / "config.yaml"), str(project / "mine.yaml"))
    assert (code, "expected a name of" in said) == (1, True), said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {epochs: 3}\ntrain: {epochs: 4}\n", "key `train` twice, in lines 1 and 2"),
        ("train: {epochs: 3, epochs: 4}\n", "key `epochs` twice"),
        ("crop: {margin_mm: .inf}\n", "no finite number, in line 1"),
        ("crop: {margin_mm: 1.0e+400}\n", "no finite number"),
        ("crop: {margin_mm: .nan}\n", "no finite number"),
        ("crop: {margin_mm: '1e400'}\n", "crop.margin_mm"),
        ("crop: {margin_mm: true}\n", "crop.margin_mm"),
        ("extract: {us_percentiles: [99.0, 1.0]}\n", "the smaller first"),
        ("extract: {mr_percentiles: [1.0, 900.0]}\n", "extract.mr_percentiles"),
        ("extract: {index_range: {axial: [0.8, 0.2]}}\n", "the smaller first"),
        ("enabled_runs: [copy, copy]\n", "every run once"),
        ("enabled_runs: 7\n", "enabled_runs"),
        ("atlas: {size: 100}\n", "atlas.size"),
        ("train: {batch_size: 0}\n", "train.batch_size"),
        ("score: null\n", "score"),
        ("crop: 5\n", "crop: expected keys and values; found 5"),
        ("", "expected a YAML file of keys and values; found nothing"),
    ],
)
def test_settings_that_cannot_be_meant(
    project: Path, command_line: CommandLine, text: str, message: str
) -> None:
    (project / "mine.yaml").write_text(text)
    code, said = command_line("check", str(project / "config.yaml"), str(project / "mine.yaml"))
    assert (code, message in said, "Traceback" in said) == (1, True, False), said


def test_a_configuration_is_laid_over_that_of_the_project(
    project: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "config").mkdir()
    (project / "config.yaml").rename(project / "config" / "config.yaml")
    (project / "mine.yaml").write_text("train: {epochs: 3}\n")
    monkeypatch.chdir(project)
    code, said = command_line("check", "mine.yaml")
    assert (code, "all in order" in said) == (0, True), said


def test_a_file_that_is_not_complete_has_one_message_for_what_it_lacks(
    project: Path, command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mine.yaml").write_text("train: {epochs: 3}\n")
    monkeypatch.chdir(project)
    code, said = command_line("check", "mine.yaml")
    assert (code, "1 problem(s)" in said) == (1, True), said
    assert "expected every key of config/config.yaml; found " in said
    assert "Name config/config.yaml first" in said
