"""Resources of jobs: memory by the size of their input, and proposals from records of jobs."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ssus2mri.errors import InputError
from ssus2mri.images import files
from ssus2mri.manifest import Row

UNPACKED = 12
"""Memory per byte of an image's files: they may be compressed, and are held as float32, twice."""
SLICES_KEPT = 0.8
"""Largest share of the slices of a volume in which there is enough of a head."""
SPARE_MEMORY, SPARE_TIME = 1.5, 3.0
"""By how much a proposal exceeds the most that was recorded: other nodes, other scans."""
MEMORY_STEP_MB, TIME_STEP_MIN = 500, 5


@dataclass(frozen=True)
class Proposal:
    """What to ask for a job of a stage, and from how many records that follows.

    ``mem_mb`` MB and ``runtime`` minutes of the first attempt; ``threads`` that were busy.
    """

    stage: str
    jobs: int
    mem_mb: int
    runtime: int
    threads: int


def image_mb(image: str) -> int:
    """Return the memory that an image takes while it is read.

    Args:
        image: of a row; a file, or a folder of DICOM files. One that is not made yet counts 0.

    Returns:
        MB, by the size of the files.
    """
    paths = [Path(image), *files.parts(Path(image))]
    sizes = [path.stat().st_size for path in paths if path.is_file()]
    return math.ceil(UNPACKED * sum(sizes) / 1e6)


def slices_mb(rows: Iterable[Row], size: int) -> int:
    """Return the memory that slices of scans take as float16.

    Returns:
        MB: a slice for a 2D plane, `SLICES_KEPT` of three planes for a volume.
    """
    slices = sum(1 if row.plane else SLICES_KEPT * 3 * size for row in rows)
    return math.ceil(slices * 2 * size**2 / 1e6)


def propose(folder: Path) -> list[Proposal]:
    """Propose what jobs of each stage should ask for.

    Returns:
        A proposal for each stage that has records, by name.

    Raises:
        InputError: there are no records, or a file is none.
    """
    stages = {path.parent.name for path in folder.glob("*/*.tsv")}
    if not stages:
        raise InputError(
            str(folder),
            expected="records of finished jobs, such as crop/us-1.tsv",
            found="none",
            do="Run the workflow on a few scans first, or give its results folder.",
        )
    return [_propose(stage, sorted((folder / stage).glob("*.tsv"))) for stage in sorted(stages)]


def profile(proposals: Iterable[Proposal]) -> str:
    """Write proposals as the part of a Snakemake profile that asks for them.

    Returns:
        YAML: every attempt asks for more, but a training for no more time: it resumes.
    """
    proposals = list(proposals)
    lines = ["set-resources:"]
    for each in proposals:
        lines += [
            f"  {each.stage}:  # from {each.jobs} job{'s' * (each.jobs > 1)}",
            f"    mem_mb: attempt * {each.mem_mb}",
            f"    runtime: {'' if each.stage == 'train' else 'attempt * '}{each.runtime}",
        ]
    busy = [f"  {each.stage}: {each.threads}" for each in proposals if each.threads > 1]
    return "\n".join([*lines, *(["set-threads:", *busy] if busy else [])]) + "\n"


def _propose(stage: str, records: list[Path]) -> Proposal:
    rows = [row for path in records for row in _records(path)]
    most = {name: max(row[name] for row in rows) for name in ("max_rss", "s", "mean_load")}
    return Proposal(
        stage=stage,
        jobs=len(rows),
        mem_mb=_up(SPARE_MEMORY * most["max_rss"], MEMORY_STEP_MB),
        runtime=_up(SPARE_TIME * most["s"] / 60, TIME_STEP_MIN),
        threads=max(1, round(most["mean_load"] / 100)),
    )


def _records(path: Path) -> list[dict[str, float]]:
    """Read seconds, peak memory in MB and load in % of a core; what was not measured is 0."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
        return [
            {
                name: 0.0 if row[name] in ("-", "NA") else float(row[name])
                for name in ("s", "max_rss", "mean_load")
            }
            for row in rows
        ]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            str(path),
            expected="a record of a job, with columns s, max_rss and mean_load",
            found=f"{type(error).__name__}: {' '.join(str(error).split())[:100]}",
            do="Delete it, or give the results folder of a run.",
        ) from error


def _up(value: float, step: int) -> int:
    return step * max(1, math.ceil(value / step))
