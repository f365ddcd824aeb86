"""The rules' inputs and parameters that depend on configuration and manifest."""

from ssus2mri.images import files


def settings(section):
    """Return a section as JSON: a rule reruns only for the settings that it gets."""
    return verbatim.text(getattr(PROJECT, section).model_dump_json())


def run_settings(wildcards, output):
    """Return a run's settings as JSON.

    Snakemake does not compare parameters that depend on `output`: some settings only suit
    the machine. All that a training depends on is in the name of its folder of checkpoints.
    """
    return plan.run_json(config, wildcards.run)


FIRST = len(RUNS) + 1
"""The priority of what goes before every training: longest are those that learn from matched MR."""


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
