"""Load and check configuration and manifest; the rules' parameters and inputs that depend on them."""

import re
import sys
from pathlib import Path

from ssus2mri import plan, preflight
from ssus2mri.config.base import load_yaml
from ssus2mri.errors import InputError
from ssus2mri.images import files
from ssus2mri.provenance import fingerprint

try:
    for path in workflow.configfiles:  # Snakemake drops the first of two equal keys
        load_yaml(Path(path))
    PROJECT, MANIFEST, ATLAS = plan.load(config)
    if workflow.is_main_process and preflight.executes(
        sys.argv[1:], workflow.output_settings.dryrun
    ):
        preflight.begin(workflow.basedir, (row.image for row in MANIFEST.rows.values()))
except InputError as error:
    raise WorkflowError(str(error))

# A job that is killed cannot say why; bash can for it.
shell.prefix(f"set -euo pipefail; trap '{preflight.ON_EXIT}' EXIT; ")

RUNS = PROJECT.enabled_runs
LABELS = plan.setting_by_run(config, "label")
METHODS = plan.setting_by_run(config, "method")
TEST_US = [row.volume for row in MANIFEST.where(modality="us", split="test")]
BLENDED = [row.volume for row in plan.blended(MANIFEST)]
SIDES = PROJECT.simulate.ultrasound.probe.used_sides
TABLES = expand(
    "results/score/{table}.csv",
    table=[
        "table2",
        "table4",
        "table5",
        "position",
        "gap_closed",
        "summary",
        "pathology",
    ],
)


def one_of(names):
    """Return a wildcard constraint that matches exactly the names."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    volume=one_of(MANIFEST.rows),
    run=one_of(RUNS),


def settings(section):
    """Return a section as JSON: a rule reruns only for the settings that it gets."""
    return getattr(PROJECT, section).model_dump_json()


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


def column(name, empty=""):
    """Return a function that returns a column of the volume's row, as a parameter."""

    def value(wildcards):
        return getattr(MANIFEST.rows[wildcards.volume], name) or empty

    return value


def file(name):
    """Return a function that returns a file of the volume's row as an input; no file, no input."""
    return column(name, empty=[])


def parts(*names):
    """Make a function that lists the files in a DICOM folder, or beside a header, as inputs.

    Snakemake sees neither a slice replaced in a folder nor the data beside a header.
    """

    def paths(wildcards):
        return row_parts(MANIFEST.rows[wildcards.volume], *names)

    return paths


def row_parts(row, *names):
    """List the files in or beside those that a row names; none for no row."""
    paths = [getattr(row, name) for name in names] if row else []
    return [str(part) for path in paths if path for part in files.parts(Path(path))]


def beside(name):
    """Return a function that returns a file that `simulate` wrote, else the row's own."""

    def path(wildcards):
        row = MANIFEST.rows[wildcards.volume]
        if row.simulated:
            return f"results/simulate/{row.volume}_{name}.nii.gz"
        return getattr(row, name, "") or []

    return path


def pathology(wildcards):
    """Return the pathology of the volume's subject as JSON: editing it reruns only its volumes."""
    return plan.pathology_json(PROJECT, MANIFEST.rows[wildcards.volume])


def template(wildcards):
    """Return the template of the volume's modality."""
    return f"results/template/{MANIFEST.rows[wildcards.volume].modality}.nii.gz"


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


def match_folder(wildcards, input):
    """Return the folder of the matched MR among the inputs; empty if there is none."""
    return str(Path(input.matched[0]).parent) if input.matched else ""
