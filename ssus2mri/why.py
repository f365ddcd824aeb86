"""Say in words why stages will run: which setting, row, file or code has changed."""

import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ssus2mri.causes import FOLLOWS, Meaning, causes
from ssus2mri.errors import InputError
from ssus2mri.plan import REMEMBERED

STAGES = (
    *("template", "simulate", "prepare", "crop", "align", "extract", "view", "blend", "match"),
    *("train", "synthesize", "probe", "explain", "delineate", "segment", "register", "compare"),
    *("rate", "collect", "score", "illustrate", "browse", "render"),
)
_MOST = 4


def run_why(arguments: Sequence[str]) -> list[str]:
    """Plan the workflow of the working directory and say what will run, and why.

    Raises:
        InputError: the workflow cannot be planned.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "plan.json"
        planned = subprocess.run(
            [sys.executable, "-m", "ssus2mri.dry_run", str(out), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if planned.returncode or not out.is_file():
            raise unplanned(planned.stdout)
        plan = json.loads(out.read_text(encoding="utf-8"))
    return list(lines(plan["jobs"], Path("results"), _remembered, plan["noted"].get))


def unplanned(said: str) -> InputError:
    """Return what Snakemake says of a failure, without its usage and the place in our rules."""
    of_ours = re.search(
        r"^WorkflowError in file [^\n]*:\n(.*?)(?=\n  File |\Z)", said, re.DOTALL | re.MULTILINE
    )
    if of_ours:
        return InputError.several(of_ours[1].splitlines())
    usage = re.findall(r"^\S+: error: (.*)$", said, re.MULTILINE)
    return InputError(
        "snakemake --dry-run",
        expected="a workflow that can be planned",
        found=usage[-1] if usage else f"\n{said.strip()[-3000:]}\n",
        do="Correct what Snakemake reports.",
    )


def _remembered(name: str) -> Any:
    """Read what a hash of an earlier run meant; None where it is lost."""
    try:
        return json.loads((REMEMBERED / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def lines(
    jobs: Sequence[Mapping[str, Any]], results: Path, before: Meaning, now: Meaning
) -> Iterator[str]:
    """Say for each stage whether it will run, why, and how long it took last time.

    Args:
        jobs: ``stage``, ``reason`` and ``benchmark`` of each job that will run.
        results: the results folder.
        before: the meaning of hashes of earlier runs.
        now: the meaning of hashes of the present settings and code.

    Yields:
        Lines of a table; further causes of a stage stand below its first.
    """
    yield f"{'stage':<12}{'jobs':>5}  {'last time':<22}because"
    stages = {job["stage"] for job in jobs} - {"all"}
    for stage in sorted({*STAGES, *stages}, key=_order):
        own = [job for job in jobs if job["stage"] == stage]
        records = [Path(job["benchmark"]) for job in own if job["benchmark"]]
        took = [seconds(path) for path in records or _records(results, stage)]
        recorded = [number for number in took if number is not None]
        last = (
            f"{_time(sum(recorded))} ({len(recorded)} job{'s' * (len(recorded) != 1)})"
            if recorded
            else "-"
        )
        told = _told([job["reason"] for job in own], before, now)
        first, *more = told or ["up to date" if recorded else "not needed"]
        yield f"{stage:<12}{len(own) or '-':>5}  {last:<22}{first}"
        for line in more:
            yield f"{'':<41}{line}"


def _told(reasons: Sequence[str], before: Meaning, now: Meaning) -> list[str]:
    """Join the causes of all jobs of a stage; what follows from other stages comes last."""
    joined: dict[str, dict[str, None]] = {}
    for reason in reasons:
        for what, items in causes(reason, before, now):
            joined.setdefault(what, {}).update(dict.fromkeys(items))
    told = []
    for what in sorted(joined, key=lambda what: what == FOLLOWS):
        items = list(joined[what])
        if what == FOLLOWS:
            told.append(f"{what} {', '.join(sorted(items, key=_order))}")
            continue
        more = f" and {len(items) - _MOST} more" if len(items) > _MOST else ""
        told.append(f"{what}: {', '.join(items[:_MOST])}{more}" if items else what)
    return told


def seconds(record: Path) -> float | None:
    """Read how long a job took from its benchmark record; None where there is none."""
    try:
        with record.open(encoding="utf-8", newline="") as file:
            return float(next(csv.DictReader(file, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError, TypeError):
        return None


def _records(results: Path, stage: str) -> list[Path]:
    return sorted((results / "benchmark" / stage).glob("*.tsv"))


def _time(number: float) -> str:
    minutes, rest = divmod(round(number), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{number:.1f} s"


def _order(stage: str) -> tuple[int, str]:
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), stage)
