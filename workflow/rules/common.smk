"""Load and check configuration and manifest; the rules' parameters and inputs that depend on them."""

import re
import sys
from pathlib import Path

from ssus2mri import grouping, pictured, plan, preflight, resources, verbatim
from ssus2mri.config.base import load_yaml
from ssus2mri.errors import InputError
from ssus2mri.images import files
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


def settings(section):
    """Return a section as JSON: a rule reruns only for the settings that it gets."""
    return verbatim.text(getattr(PROJECT, section).model_dump_json())


def run_settings(wildcards, output):
    """Return a run's settings as JSON.

    Snakemake does not compare parameters that depend on `output`: some settings only suit
    the machine. All that a training depends on is in the name of its folder of checkpoints.
    """
    return plan.run_json(config, wildcards.run)


def order(wildcards):
    """Return the priority of a run: the first has the highest."""
    return len(RUNS) - RUNS.index(wildcards.run)


def checkpoints(wildcards):
    """Return a run's folder of checkpoints, named by all that they depend on: a new name retrains."""
    inputs = plan.training_inputs(config, PROJECT, MANIFEST, wildcards.run)
    return f"results/checkpoints/{wildcards.run}-{inputs}"


def folder(wildcards, output):
    """Return the folder that a stage writes all its outputs to."""
    return str(Path(output[0]).parent)


def columns(stage):
    """Return a function that returns the columns of the volume's row that a stage needs, as JSON.

    The stage reruns only if one of them changes.
    """

    def values(wildcards):
        return row(wildcards).json_of(stage)

    return values


def file(name):
    """Return a function that returns a file of the volume's row as an input; no file, no input."""

    def path(wildcards):
        return row_files(row(wildcards), name)

    return path


def row_files(volume, *names):
    """List the files that a row names; none for no row."""
    paths = [getattr(volume, name, "") for name in names] if volume else []
    return [verbatim.path(path) for path in paths if path]


def flat(name):
    """Return a function that returns a file of a 2D plane's row as an input.

    For a volume it names what nothing makes, so Snakemake takes the other rules of its files.
    """

    def path(wildcards):
        volume = row(wildcards)
        return row_files(volume, name) if volume.plane else f"no plane/{volume.volume}"

    return path


def parts(*names):
    """Make a function that lists the files in a DICOM folder, or beside a header, as inputs.

    Snakemake sees neither a slice replaced in a folder nor the data beside a header.
    """

    def paths(wildcards):
        return row_parts(row(wildcards), *names)

    return paths


def row_parts(volume, *names):
    """List the files in or beside those that a row names; none for no row."""
    return [
        verbatim.path(str(part))
        for path in row_files(volume, *names)
        for part in files.parts(Path(path))
    ]


def beside(name):
    """Return a function that returns a file that `simulate` wrote, else the row's own."""

    def path(wildcards):
        volume = row(wildcards)
        if volume.simulated:
            return f"results/simulate/{volume.volume}_{name}.nii.gz"
        return row_files(volume, name)

    return path


def pathology(wildcards):
    """Return the pathology of the volume's subject as JSON: editing it reruns only its volumes."""
    return plan.pathology_json(PROJECT, row(wildcards))


def template(wildcards):
    """Return the template of the volume's modality."""
    return f"results/template/{row(wildcards).modality}.nii.gz"


def extracts(modality, *splits):
    """Return the slice files of a modality in some splits."""
    rows = [
        row
        for split in splits
        for row in MANIFEST.where(modality=modality, split=split)
    ]
    return [f"results/extract/{row.volume}.h5" for row in rows]


def matched(*splits):
    """Return a function that returns the MR matched to the US of some splits, if a run needs it."""

    def paths(wildcards):
        if not plan.needs_match(config, wildcards.run, *splits):
            return []
        rows = [
            row
            for split in splits
            for row in MANIFEST.where(modality="us", split=split)
        ]
        return [f"results/match/{row.volume}.h5" for row in rows]

    return paths


def listing(*names):
    """Return a function that returns `@FILE`, a file that lists some of the inputs."""

    def argument(wildcards, input):
        return list_argument([path for name in names for path in input[name]])

    return argument


def names_listing(names):
    """Return a function that returns `@FILE`, a file that lists names of volumes."""

    def argument(wildcards):
        return list_argument(list(names))

    return argument


def list_argument(items):
    """Return `@FILE`, a file that lists items: a command of many paths would be too long.

    A dry run names it and writes nothing.
    """
    try:
        return (
            f"@{plan.listing(items) if workflow.dryrun else plan.write_listing(items)}"
        )
    except InputError as error:
        raise WorkflowError(str(error))


def beside_mr(wildcards):
    """Return the slice files of the real MR to show beside a test scan."""
    rows = pictured.beside(MANIFEST, MANIFEST.rows[wildcards.volume])
    return [f"results/extract/{row.volume}.h5" for row in rows]


def match_folder(wildcards, input):
    """Return the folder of the matched MR among the inputs; empty if there is none."""
    return str(Path(input.matched[0]).parent) if input.matched else ""
