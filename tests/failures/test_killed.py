"""A run that is killed in every stage ends, by the same command, like one that was left alone."""

import random
import time
from pathlib import Path

import pandas as pd
import planes
import pytest
from phantom_failures import IMAGE, Smallest, jobs, kill_all
from phantom_project import IMAGE as REAL
from phantom_project import MANIFEST, Project
from PIL import Image

SEED = 20
TRIES = 40
STAGES = ("crop", "align", "extract")


def seconds_by_stage(project: Smallest) -> dict[str, float]:
    """Read how long a job of each stage took, from the records of Snakemake."""
    folder = project.folder / "results" / "benchmark"
    return {
        stage: min(pd.read_csv(path, sep="\t")["s"][0] for path in (folder / stage).glob("*.tsv"))
        for stage in (path.name for path in folder.iterdir())
    }


def kill_within(
    project: Smallest,
    wanted: set[str],
    seconds: dict[str, float],
    rng: random.Random,
    *again: str,
) -> tuple[set[str], bool]:
    """Run until a job of a wanted stage works, kill everything at a moment within it.

    Returns:
        The wanted stages that were killed, and whether the run has ended by itself.
    """
    run = project.start(*again)
    ended = False
    try:
        while not (hit := wanted & set(jobs(run.pid))):
            if run.poll() is not None:
                ended = True
                break
            time.sleep(0.02)
        if hit:
            time.sleep(rng.uniform(0, 0.9) * min(seconds[stage] for stage in hit))
        return wanted & set(jobs(run.pid)), ended
    finally:
        said = kill_all(run) if run.poll() is None else run.communicate()[0]
        if ended and run.returncode:
            pytest.fail(said[-6000:])


def test_a_plane_killed_on_its_way_to_slices_gives_the_same_files(tmp_path: Path) -> None:
    """The three steps of a plane share a process: what the first left is no reason to go on."""
    picture, head = planes.draw(0)
    project = Project(tmp_path)
    for name, pixels in (("p", picture), ("head", head)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    first, *rows = MANIFEST.replace(REAL, "results/simulate/mr-4.nii.gz").splitlines()
    rows = [f"{first},mask,plane,pixel_mm", *(f"{row},,," for row in rows)]
    rows.append("p,p,us,p.png,21.0,train,,head.png,axial,0.15")
    (tmp_path / "data_manifest.csv").write_text("\n".join(rows) + "\n")
    target = "results/extract/p.h5"
    project.snakemake(target)
    alone = contents(project)
    assert len(alone) == 7
    seconds = pd.read_csv(tmp_path / "results/benchmark/prepare/p.tsv", sep="\t")["s"][0]
    rng = random.Random(SEED)
    for _ in range(3):
        run = project.start(target, "--forcerun", "prepare")
        while not jobs(run.pid) and run.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.9) * seconds)
        kill_all(run)
    project.snakemake(target)
    assert contents(project) == alone


def contents(project: Project) -> dict[str, bytes]:
    """Give the files of the plane."""
    paths = [p for stage in STAGES for p in (project.folder / "results" / stage).glob("p[._]*")]
    return {str(path): path.read_bytes() for path in paths}


def test_a_run_killed_in_every_stage_gives_the_same_tables(
    undisturbed: Smallest, tmp_path: Path
) -> None:
    """All processes get SIGKILL, at moments of a seed, until each stage was hit."""
    project = Smallest(tmp_path / "killed", image=undisturbed.folder / IMAGE)
    seconds, rng = seconds_by_stage(undisturbed), random.Random(SEED)
    wanted = set(seconds)
    again: tuple[str, ...] = ()
    for _ in range(TRIES):
        hit, ended = kill_within(project, wanted, seconds, rng, *again)
        wanted -= hit
        if not wanted:
            break
        again = ("--forcerun", *sorted(wanted)) if ended else ()  # what was never hit, once more
    assert not wanted, f"never killed within {sorted(wanted)}"
    project.snakemake()
    assert project.csvs() == undisturbed.csvs()
    assert not list((project.folder / "results").rglob(".partial-*"))
    assert not list((project.folder / "results" / "checkpoints").glob("*"))
    assert "Nothing to be done" in project.snakemake()
