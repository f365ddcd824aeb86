"""The causes of a run in words: keys, rows, files and code, and how long a stage took."""

import json
import re
from pathlib import Path

import pytest
from conftest import CONFIG, ROOT

from ssus2mri import provenance
from ssus2mri.causes import causes, section_of
from ssus2mri.config.base import load_yaml
from ssus2mri.config.project import Project
from ssus2mri.why import STAGES, lines, seconds, unplanned

PARAMS = (
    "Params have changed since last execution: Union of exclusive params before and now across"
    " all output: before: {} now: {} "
)
SOURCES = {
    "aaaaaaaaaaaa": {"prepare/crop.py": "1", "measures.py": "1"},
    "bbbbbbbbbbbb": {"prepare/crop.py": "2", "measures.py": "1"},
    "000000000001": {
        "train, run ours": {"seed": 0, "weights": {"app": 1.0}},
        "manifest": {"us-1": {"ga_weeks": 22.5}},
        "code": {"learn.train": "aaaaaaaaaaaa"},
        "order": ["us-1"],
    },
    "000000000002": {
        "train, run ours": {"seed": 0, "weights": {"app": 2.0}},
        "manifest": {"us-1": {"ga_weeks": 22.6}, "us-2": {}},
        "code": {"learn.train": "bbbbbbbbbbbb"},
        "order": ["us-1"],
    },
}


def meaning(name: str) -> object:
    """The meaning of a hash, a value of its own each time."""
    return json.loads(json.dumps(SOURCES[name])) if name in SOURCES else None


def section(name: str, **changes: object) -> str:
    values = load_yaml(CONFIG)
    project = Project.model_validate(values)
    return json.dumps(getattr(project, name).model_dump() | changes)


def told(reason: str) -> list[tuple[str, list[str]]]:
    return causes(reason, meaning, meaning)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Missing output files: results/a/b.csv, c", [("missing", ["results/a/b.csv", "c"])]),
        ("Updated input files: data/mr-4.nii.gz", [("changed file", ["data/mr-4.nii.gz"])]),
        (
            "Input files updated by another job: results/crop/us-1.nii.gz, results/align/x.tfm",
            [("follows from", ["crop", "align"])],
        ),
        (
            "Missing output files: a; Set of input files has changed since last execution",
            [("missing", ["a"]), ("other input files", [])],
        ),
        (
            PARAMS.format("'aaaaaaaaaaaa'", "'bbbbbbbbbbbb'"),
            [("changed code", ["prepare/crop.py"])],
        ),
        (PARAMS.format("'cccccccccccc'", "'bbbbbbbbbbbb'"), [("changed code", [])]),
        (
            PARAMS.format(
                """'{"modality":"us","ga_weeks":22.5}','{"ga_weeks":22.5,"split":"train"}'""",
                """'{"modality":"us","ga_weeks":22.6}','{"ga_weeks":22.6,"split":"test"}'""",
            ),
            [("row.ga_weeks: 22.5 -> 22.6", []), ('row.split: "train" -> "test"', [])],
        ),
        (
            PARAMS.format("'@results/lists/1.txt'", "'@results/lists/2.txt'"),
            [("another list or name", ["@results/lists/1.txt -> @results/lists/2.txt"])],
        ),
        (PARAMS.format("<nothing exclusive>", "3"), [("another list or name", ["none -> 3"])]),
    ],
)
def test_a_reason_of_snakemake_in_words(reason: str, expected: object) -> None:
    assert told(reason) == expected


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [("crop", "margin_mm", 7.25), ("render", "title", "An ', odd; now: title")],
)
def test_a_setting_is_named_with_its_section(name: str, key: str, value: object) -> None:
    old, new = section(name), section(name, **{key: value})
    before = json.loads(old)[key]
    expected = f"{name}.{key}: {json.dumps(before)} -> {json.dumps(value)}"
    assert told(PARAMS.format(repr(old), repr(new))) == [(expected, [])]


def test_every_section_is_known_by_its_keys() -> None:
    for name in ("simulate", "align", "extract", "view", "match", "synthesize", "score"):
        assert section_of(json.loads(section(name))) == name
    assert section_of(json.loads(section("register_"))) == "register"
    assert section_of({"kind": "cyst", "diameter_mm": 9.0}) == "pathologies, cyst"


def test_a_training_names_settings_rows_and_code() -> None:
    folders = (f"'results/checkpoints/ours-00000000000{n}'" for n in (1, 2))
    assert told(PARAMS.format(*folders)) == [
        ("changed code", ["prepare/crop.py"]),
        ("train, run ours.weights.app: 1.0 -> 2.0", []),
        ("manifest.us-1.ga_weeks: 22.5 -> 22.6", []),
        ("manifest.us-2: added", []),
    ]


def test_the_table_joins_the_jobs_of_a_stage(tmp_path: Path) -> None:
    record = tmp_path / "benchmark" / "crop" / "us-1.tsv"
    record.parent.mkdir(parents=True)
    record.write_text("s\th:m:s\n75.5\t0:01:15\n")
    (tmp_path / "benchmark" / "align").mkdir()
    (tmp_path / "benchmark" / "align" / "us-1.tsv").write_text("s\th:m:s\n2.25\t0:00:02\n")
    jobs = [
        {"stage": "crop", "reason": f"Missing output files: {name}", "benchmark": str(record)}
        for name in "ab"
    ]
    table = list(lines(jobs, tmp_path, meaning, meaning))
    rows = {line.split()[0]: line for line in table[1:]}
    assert re.search(r"^crop +2  2 min 31 s \(2 jobs\) +missing: a, b$", rows["crop"])
    assert re.search(r"^align +-  2\.2 s \(1 job\) +up to date$", rows["align"])
    assert re.search(r"^train +-  - +not needed$", rows["train"])


def test_a_record_that_is_none_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.tsv").write_text("")
    assert seconds(tmp_path / "empty.tsv") is None
    assert seconds(tmp_path / "none.tsv") is None


def test_every_rule_is_a_stage_of_the_table() -> None:
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert set(re.findall(r"^rule (\w+):", rules, re.MULTILINE)) == set(STAGES)


def test_what_hashes_mean_is_remembered(tmp_path: Path) -> None:
    name = provenance.fingerprint("ssus2mri.prepare.crop")
    provenance.remember(tmp_path)
    assert "prepare/crop.py" in json.loads((tmp_path / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            'Using profile x.\nWorkflowError in file "w/common.smk", line 29:\na.csv: expected a'
            ' table; found none. Correct it.\n  File "w/common.smk", line 29, in <module>\n',
            "a.csv: expected a table; found none. Correct it.",
        ),
        (
            "usage: snakemake [-h]\n  [--cores N]\nsnakemake: error: unrecognized arguments: --x\n",
            "snakemake --dry-run: expected a workflow that can be planned; found unrecognized"
            " arguments: --x. Correct what Snakemake reports.",
        ),
        (
            "something else",
            "snakemake --dry-run: expected a workflow that can be planned; found"
            " \nsomething else\n. Correct what Snakemake reports.",
        ),
    ],
)
def test_what_snakemake_says_is_told_without_its_usage(said: str, expected: str) -> None:
    assert str(unplanned(said)) == expected
