"""Load configuration and manifest together, and answer the workflow's questions about both."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ssus2mri import manifest, provenance, weights
from ssus2mri.config import project
from ssus2mri.config.prepare import AtlasSettings
from ssus2mri.config.project import Project
from ssus2mri.errors import InputError
from ssus2mri.files import write_text
from ssus2mri.manifest import Manifest, Row
from ssus2mri.provenance import digest, fingerprint, note

REMEMBERED = Path("results/provenance")
AUTO, BUILT_IN = "auto", "built-in"
LISTS = Path("results/lists")

_BEFORE_TRAINING = (
    *("simulate.template", "simulate.cohort"),
    *("prepare.crop", "prepare.align", "prepare.extract"),
)
_MATCH = ("simulate.view", "prepare.blend", "prepare.match")


def load(values: dict[str, Any]) -> tuple[Project, Manifest, Row | None]:
    """Check a whole configuration and the manifest that it names.

    Args:
        values: content of the configuration files, later over earlier.

    Returns:
        The configuration, the manifest, and the volume that defines atlas space (see
        `choose_atlas`).

    Raises:
        InputError: every message about the configuration, else every one about the manifest, else
            every one about what contradicts between them.
    """
    settings = project.validated(values)
    table = manifest.read(Path(settings.manifest), val=settings.split.val, test=settings.split.test)
    messages = unknown_pathologies(settings, table) + unmatchable(values, table)
    if messages:
        raise InputError.several(messages)
    return settings, table, choose_atlas(settings.atlas, table)


def unknown_pathologies(settings: Project, table: Manifest) -> list[str]:
    """Return a message for each volume whose pathology the configuration does not define."""
    return [
        str(
            InputError(
                f"{settings.manifest}, volume {row.volume}, column pathology",
                expected=f"one of {', '.join(sorted(settings.pathologies)) or 'none'}, or empty",
                found=repr(row.pathology),
                do="Correct the name or add it under `pathologies` of the configuration.",
            )
        )
        for row in table.rows.values()
        if row.pathology and row.pathology not in settings.pathologies
    ]


def blended(table: Manifest) -> list[Row]:
    """Return the MR that `blend` averages: training volumes, no 2D planes."""
    return [row for row in table.where(modality="mr", split="train") if not row.plane]


def unmatchable(values: dict[str, Any], table: Manifest) -> list[str]:
    """Return a message for each enabled run that needs matched MR where there is no MR to match."""
    runs = [] if blended(table) else values["enabled_runs"]
    return [
        str(
            InputError(
                f"enabled_runs, run {run}",
                expected="a 3D MR volume of split train, to be deformed onto heads",
                found="none in the manifest",
                do="Add one, or leave the run out.",
            )
        )
        for run in runs
        if needs_match(values, run, "train") or needs_match(values, run, "test")
    ]


def pathology_json(settings: Project, row: Row) -> str:
    """Return the pathology of a volume's subject, for `simulate`.

    Returns:
        JSON of a `ssus2mri.config.pathology.Pathology`; empty for a healthy subject.
    """
    return settings.pathologies[row.pathology].model_dump_json() if row.pathology else ""


def choose_atlas(settings: AtlasSettings, table: Manifest) -> Row | None:
    """Choose the volume that `atlas.volume` names.

    ``auto`` is the training MR with labels that is nearest in age (the first of equals in the
    manifest), else the built-in anatomy. A simulated MR does not count: its labels are those it
    was simulated from, not those of its own pose; nor does one of a subject whose ultrasound is
    tested on: all training would be brought to its shape.

    Returns:
        The row, which has ``labels``, or None for the built-in anatomy.

    Raises:
        InputError: `atlas.volume` names no row, or one that cannot define the space.
    """
    if settings.volume == BUILT_IN:
        return None
    tested = {row.subject for row in table.where(modality="us", split="test")}
    labelled = [
        row
        for row in table.where(modality="mr")
        if row.labels and not row.simulated and row.subject not in tested
    ]
    if settings.volume == AUTO:
        train = [row for row in labelled if row.split == "train"]
        return min(train, key=lambda row: abs(row.ga_weeks - settings.ga_weeks), default=None)
    for row in labelled:
        if row.volume == settings.volume:
            return row
    raise InputError(
        "atlas.volume",
        expected=f"`{AUTO}`, `{BUILT_IN}` or an MR volume of the manifest with `labels`, of a"
        " subject without test ultrasound",
        found=repr(settings.volume),
        do="Correct the name, fill the column `labels` of that volume, or choose `auto`.",
    )


def setting_by_run(values: dict[str, Any], key: str) -> str:
    """Return one setting of all enabled runs, in their order.

    Args:
        values: the whole configuration.
        key: of section ``train``, such as ``label``.

    Returns:
        JSON, run -> value.
    """
    runs = values["enabled_runs"]
    return json.dumps({run: getattr(project.run_settings(values, run), key) for run in runs})


def run_json(values: dict[str, Any], run: str) -> str:
    """Return a run's settings for training.

    The label is used in tables only: renaming a run must not train it again.

    Returns:
        JSON of `TrainSettings`.
    """
    settings = project.run_settings(values, run)
    return settings.model_copy(update={"label": run}).model_dump_json()


def listing(items: Sequence[str]) -> Path:
    """Return where a list is kept that a command reads as ``@FILE``.

    A command can be 128 KiB long; the paths of some thousand scans are longer.

    Returns:
        A file named by its content, so another list has another name.
    """
    return LISTS / f"{digest(list(items))}.txt"


def write_listing(items: Sequence[str]) -> Path:
    """Write a list where `listing` says, unless it is there, and return the file.

    Raises:
        InputError: it cannot be written.
    """
    path, text = listing(items), "".join(f"{item}\n" for item in items)
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(text, path)
    return path


def needs_match(values: dict[str, Any], run: str, *splits: str) -> bool:
    """Return whether a run needs MR matched to the ultrasound of some splits.

    Args:
        values: the whole configuration.
        run: a key of ``runs``.
        splits: ``train`` and ``val``: to learn from; ``test``: to be offered as MR.
    """
    settings = project.run_settings(values, run)
    return settings.traits.shown_match if "test" in splits else settings.learns_from_match


def training_inputs(values: dict[str, Any], settings: Project, table: Manifest, run: str) -> str:
    """Hash all that a run's training depends on: with another hash it starts anew.

    Returns:
        12 hexadecimal digits.
    """
    return note(training_content(values, settings, table, run))


def remember(values: dict[str, Any], settings: Project, table: Manifest) -> None:
    """Write what trainings and code depend on, for `ssus2mri why` to compare another time.

    Raises:
        InputError: it cannot be written.
    """
    for run in settings.enabled_runs:
        training_inputs(values, settings, table, run)
    provenance.remember(REMEMBERED)


def training_content(
    values: dict[str, Any], settings: Project, table: Manifest, run: str
) -> dict[str, Any]:
    """Gather settings, rows by volume and fingerprints by module; see `training_inputs`."""
    sections, modules = ["atlas", "simulate", "crop", "align", "extract"], [*_BEFORE_TRAINING]
    if needs_match(values, run, "train"):
        sections, modules = [*sections, "view", "match"], [*modules, *_MATCH]
    own = project.run_settings(values, run).training_inputs()
    rows = [row for row in table.rows.values() if row.split != "test"]
    return {
        f"train, run {run}": own,
        "start": weights.file_digest(weights.start_file(own["start"])),
        **{section: getattr(settings, section).model_dump() for section in sections},
        "manifest": {row.volume: row.without_paths() for row in rows},
        "order": [row.volume for row in rows],
        "code": {module: fingerprint(f"ssus2mri.{module}") for module in (*modules, "learn.train")},
    }
