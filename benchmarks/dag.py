"""Plan the workflow for many scans whose files are empty, and print what the graph costs.

    python benchmarks/dag.py [100 1000 10000] [--planes] [--top 12] [--profile PROFILE]

Prints a row for each number of scans: jobs, submissions under the profile (a group counts once),
CPU and wall seconds and peak memory of building the graph. With ``--planes``, ultrasound scans are
2D planes. With ``--top``, also the modules in which the largest of them spends its time.
"""

import argparse
import json
import os
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
SPLITS = ("train", "train", "train", "val", "test")


@dataclass(frozen=True)
class Cost:
    """What a graph took: jobs of each rule, CPU and wall seconds, peak memory in MB."""

    jobs: dict[str, int]
    cpu_s: float
    wall_s: float
    memory_mb: float


def write_project(folder: Path, scans: int, *, planes: bool = False) -> Path:
    """Write a manifest of scans, every fifth an MR volume, and an empty image for each."""
    (folder / "scans").mkdir(parents=True)
    rows = ["volume,subject,modality,image,ga_weeks,split,plane,pixel_mm"]
    for number in range(scans):
        modality = "us" if number % 5 else "mr"
        volume, split = f"sub-{number:05d}_ses-01_{modality}", SPLITS[number // 5 % 5]
        (folder / "scans" / f"{volume}.nii.gz").touch()
        flat = "axial,0.2" if planes and modality == "us" else ","
        image = f"scans/{volume}.nii.gz"
        rows.append(f"{volume},sub-{number:05d},{modality},{image},22.5,{split},{flat}")
    manifest = folder / "data_manifest.csv"
    manifest.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return manifest


def dry_run(folder: Path, manifest: Path, profile: Path, record: Path | None = None) -> Cost:
    """Build the graph in a process of its own, and measure that."""
    python = [sys.executable, *(["-m", "cProfile", "-o", str(record)] if record else [])]
    command = [*python, __file__, "--graph", "--dry-run", "--workflow-profile", str(profile)]
    command += ["--quiet", "rules", "progress"]  # the graph only, not a page on each job
    command += ["--snakefile", str(ROOT / "workflow" / "Snakefile")]
    command += ["--directory", str(folder), "--config", f"manifest={manifest}"]
    begun = time.perf_counter()
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(command, cwd=ROOT, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    text = (folder / "said.txt").read_text(encoding="utf-8")
    if status:
        sys.exit(text[-2000:])
    jobs = json.loads(re.findall(r"^jobs: (.*)$", text, re.MULTILINE)[0])
    return Cost(jobs, used.ru_utime + used.ru_stime, wall_s, used.ru_maxrss / 1024)


def graph(arguments: list[str]) -> None:
    """Run Snakemake in this process; print how many jobs of each rule it plans."""
    from snakemake import cli, dag

    stats = dag.DAG.stats

    def counted(self: dag.DAG) -> object:
        print("jobs:", json.dumps(Counter(job.rule.name for job in self.needrun_jobs())))
        return stats(self)

    dag.DAG.stats = counted
    cli.main(arguments)


def submissions(jobs: dict[str, int], profile: Path) -> int:
    """Count what a profile submits: so many scans of a group or array at once, other jobs alone."""
    settings = yaml.safe_load((profile / "config.yaml").read_text(encoding="utf-8"))
    at_once = {
        rule: (group, settings["group-components"][group])
        for rule, group in settings.get("groups", {}).items()
    }
    for rule in filter(None, settings.get("slurm-array-jobs", "").split(",")):
        at_once[rule] = rule, settings["slurm-array-limit"]
    submitted: dict[str, int] = {}
    for rule, count in jobs.items():
        if rule != "all":
            name, size = at_once.get(rule, (rule, 1))
            submitted[name] = max(submitted.get(name, 0), -(-count // size))
    return sum(submitted.values())


def by_module(record: Path, top: int) -> list[tuple[str, float]]:
    """Return the modules in which most time was spent, with seconds under the profiler."""
    seconds: dict[str, float] = {}
    functions = pstats.Stats(str(record)).stats  # type: ignore[attr-defined]
    for (path, _, name), (_, _, own, _, _) in functions.items():
        module = re.sub(r".*/site-packages/|.*/(?=ssus2mri/|workflow/)", "", path)
        key = name if path == "~" else module
        seconds[key] = seconds.get(key, 0.0) + own
    return sorted(seconds.items(), key=lambda item: -item[1])[:top]


def main() -> None:
    if sys.argv[1:2] == ["--graph"]:
        graph(sys.argv[2:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("scans", nargs="*", type=int, default=[100, 1000, 10000])
    parser.add_argument("--profile", type=Path, default=ROOT / "workflow/profiles/slurm")
    parser.add_argument("--planes", action="store_true")
    parser.add_argument("--top", type=int, default=0)
    options = parser.parse_args()
    print("| scans | jobs | submissions | CPU s | CPU ms per job | wall s | peak memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for scans in options.scans:
        with tempfile.TemporaryDirectory() as folder:
            manifest = write_project(Path(folder), scans, planes=options.planes)
            cost = dry_run(Path(folder), manifest, options.profile)
            jobs = sum(cost.jobs.values())
            print(
                f"| {scans} | {jobs} | {submissions(cost.jobs, options.profile)} | {cost.cpu_s:.1f}"
                f" | {1000 * cost.cpu_s / jobs:.2f} | {cost.wall_s:.1f} | {cost.memory_mb:.0f} |",
                flush=True,
            )
            if options.top and scans == options.scans[-1]:
                record = Path(folder) / "profile"
                dry_run(Path(folder), manifest, options.profile, record)
                for module, seconds in by_module(record, options.top):
                    print(f"{seconds:8.1f} s  {module}")


if __name__ == "__main__":
    main()
