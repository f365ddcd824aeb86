"""`ssus2mri why` in a project: what it says of edits is what Snakemake then would do."""

import re
import subprocess
import sys

import pytest
from phantom_failures import Smallest


def why(project: Smallest) -> dict[str, str]:
    """Ask in a project; give what is said of each stage, further causes after a bar."""
    options = [word for word in project.line()[project.line().index("--configfile") :]]
    said = subprocess.run(
        [sys.executable, "-m", "ssus2mri", "why", *options],
        cwd=project.folder,
        env=project.variables(),
        capture_output=True,
        text=True,
    )
    assert not said.returncode, said.stderr
    rows: dict[str, str] = {}
    for line in said.stdout.splitlines()[1:]:
        if line.startswith(" "):
            rows[list(rows)[-1]] += " | " + line.strip()
        else:
            rows[line.split()[0]] = " ".join(line.split()[1:])
    return rows


def test_nothing_is_to_be_done_and_times_are_told(undisturbed: Smallest) -> None:
    rows = why(undisturbed)
    assert rows.pop("collect") == "- - not needed"  # no ratings yet
    assert rows.pop("prepare") == "- - not needed"  # no 2D planes
    for stage, row in rows.items():
        assert re.fullmatch(r"- (\d+ min )?[\d.]+ s \(\d jobs?\) up to date", row), (stage, row)


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "tiny.yaml",
            "match:\n",
            "extract_: 0\nmatch:\n",
            None,
        ),
        (
            "edit.yaml",
            "",
            "crop: {margin_mm: 7.0}\n",
            {
                "crop": "crop.margin_mm: 6.0 -> 7.0",
                "align": "follows from crop",
                "train": "follows from extract",
                "template": "up to date",
            },
        ),
        (
            "ssus2mri/infer/roi.py",
            "",
            "\nEDITED = 1\n",
            {"synthesize": "changed code: infer/roi.py", "train": "up to date"},
        ),
        (
            "edit.yaml",
            "train: {checkpoint_minutes: 1.0e-9}",
            "train: {checkpoint_minutes: 1.0e-9, seed: 7}",
            {"extract": "up to date", "train": "train, run ours.seed: 0 -> 7"},
        ),
        (
            "data_manifest.csv",
            ",22.5,",
            ",22.6,",
            {
                "simulate": "row.ga_weeks: 22.5 -> 22.6",
                "train": "follows from extract",
            },
        ),
    ],
)
def test_an_edit_is_named(undisturbed: Smallest, name, old, new, expected) -> None:
    with undisturbed.edited(name, old, new):
        if expected is None:
            with pytest.raises(AssertionError, match="extract_"):
                why(undisturbed)
            return
        rows = why(undisturbed)
    for stage, said in expected.items():
        assert said in rows[stage], rows
