"""Load and check configuration and manifest; the names, volumes and resources of all rules."""

import re
import sys
from pathlib import Path

from ssus2mri import grouping, pictured, plan, preflight, resources, verbatim
from ssus2mri.config.base import load_yaml
from ssus2mri.errors import InputError
from ssus2mri.config.rows import (
    RESERVED,
    AlignRow,
    CropRow,
    ExtractRow,
    MatchRow,
    SimulateRow,
)
from ssus2mri.provenance import fingerprint

try:
    for path in workflow.configfiles:  # Snakemake drops the first of two equal keys
        load_yaml(Path(path))
    PROJECT, MANIFEST, ATLAS = plan.load(config)
    if workflow.is_main_process and preflight.executes(
        sys.argv[1:], workflow.output_settings.dryrun
    ):
        preflight.begin(row.image for row in MANIFEST.rows.values())
except InputError as error:
    raise WorkflowError(str(error))

grouping.install()
verbatim.install()

# A job that is killed cannot say why; bash can for it.
shell.prefix(f"set -euo pipefail; trap '{preflight.ON_EXIT}' EXIT; ")

RUNS = PROJECT.enabled_runs
ENVIRONMENT = verbatim.environment(workflow.basedir, "../../envs/ssus2mri.yaml")
LABELS = verbatim.text(plan.setting_by_run(config, "label"))
METHODS = plan.setting_by_run(config, "method")
TEST_US = [row.volume for row in MANIFEST.where(modality="us", split="test")]
BLENDED = [row.volume for row in plan.blended(MANIFEST)]
EXPLAINED = pictured.explained(config)
PICTURED_US, PICTURED_MR = pictured.pictured(MANIFEST, PROJECT.illustrate.scans)
PICTURED = [*PICTURED_US, *PICTURED_MR]
FIGURES = expand(
    "results/illustrate/figure{number}.{ending}",
    number=[5, 6, 7, 8, 9],
    ending=["png", "svg"],
)
SIDES = PROJECT.simulate.ultrasound.probe.used_sides
RATINGS = [
    verbatim.path(str(path))
    for path in sorted(Path(PROJECT.rate.ratings).glob("*.csv"))
]
TABLES = expand(
    "results/score/{table}.csv",
    table=[
        "table2",
        "table3",
        "table4",
        "table5",
        "deformation",
        "likeness",
        "auxiliary",
        "differences",
        "paper",
        "position",
        "gap_closed",
        "summary",
        "pathology",
        "anatomy",
    ],
)


def one_of(names):
    """Return a wildcard constraint that matches exactly the names."""
    return "|".join(map(re.escape, names)) or "(?!)"


# Not a list of all volumes: Snakemake writes a constraint into every path that it matches, and a
# list would make the time to plan grow with the square of their number. `row` knows the volumes.
ENDINGS = "".join(f"(?<!{ending})" for ending in RESERVED)


VOLUME = f"[^/]+{ENDINGS}"
FLAT = VOLUME if any(row.plane for row in MANIFEST.rows.values()) else one_of([])


wildcard_constraints:
    volume=VOLUME,
    run=one_of(RUNS),


def row(wildcards):
    """Return the volume's row of the manifest."""
    if wildcards.volume not in MANIFEST.rows:
        raise WorkflowError(
            f"volume {wildcards.volume}: expected one of {PROJECT.manifest}; found none of this"
            " name. Correct the name of the file that you ask for."
        )
    return MANIFEST.rows[wildcards.volume]


def unlimit_rate(scheduler):
    """Take Snakemake's own limit, 100 jobs a second, away; keep one that the user set.

    Every finished job starts one more chain of timers that ask for the rate (Snakemake 9.27, PR
    3744): after a thousand jobs the main process would be busy with nothing else.
    """
    limiter = getattr(scheduler, "job_rate_limiter", None)
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        scheduler.job_rate_limiter = None


def grow(base, *, by=None):
    """Return a resource that every attempt asks more of: `base`, and what `by` says of the input.

    `ssus2mri resources` proposes the numbers of a profile from records of finished jobs.
    """

    def value(wildcards, attempt):
        return attempt * (base + (by(wildcards) if by else 0))

    return value


def image_mb(wildcards):
    """Return the memory of the volume's image, MB; 0 before it is simulated."""
    return resources.image_mb(row(wildcards).image)


def slices_mb(*splits):
    """Return a function that returns the memory of the slices of some splits, MB."""
    rows = [volume for volume in MANIFEST.rows.values() if volume.split in splits]
    size = resources.slices_mb(rows, PROJECT.atlas.size)

    def value(wildcards):
        return size

    return value
