"""What the workflow asks of configuration and manifest before it plans a single job."""

import json
from pathlib import Path
from typing import Any

from ssus2mri import manifest
from ssus2mri.config import project
from ssus2mri.config.prepare import AtlasSettings
from ssus2mri.config.project import Project
from ssus2mri.errors import InputError
from ssus2mri.manifest import Manifest, Row
from ssus2mri.provenance import digest, fingerprint

AUTO, BUILT_IN = "auto", "built-in"

_BEFORE_TRAINING = (
    *("simulate.template", "simulate.cohort"),
    *("prepare.crop", "prepare.align", "prepare.extract"),
)
_MATCH = ("simulate.view", "prepare.blend", "prepare.match")


def load(values: dict[str, Any]) -> tuple[Project, Manifest, Row | None]:
    """Check a whole configuration and the manifest that it names.

    Args:
        values: what the configuration files hold, laid over each other.

    Returns:
        The configuration, the manifest, and the volume that defines atlas space (see
        `choose_atlas`).

    Raises:
        InputError: every message about the configuration, else every one about the manifest, else
            every one about what they say of each other.
    """
    settings, messages = project.load(values)
    if settings is None or messages:
        raise InputError.several(messages)
    rows = manifest.read(Path(settings.manifest), val=settings.split.val, test=settings.split.test)
    unknown = unknown_pathologies(settings, rows) + unmatchable(values, rows)
    if unknown:
        raise InputError.several(unknown)
    return settings, rows, choose_atlas(settings.atlas, rows)


def unknown_pathologies(settings: Project, rows: Manifest) -> list[str]:
    """Find volumes whose pathology the configuration does not have.

    Args:
        settings: the configuration.
        rows: all volumes.

    Returns:
        A message for each.
    """
    return [
        str(
            InputError(
                f"{settings.manifest}, volume {row.volume}, column pathology",
                expected=f"one of {', '.join(sorted(settings.pathologies)) or 'none'}, or empty",
                found=repr(row.pathology),
                do="Correct the name or add it under `pathologies` of the configuration.",
            )
        )
        for row in rows.rows.values()
        if row.pathology and row.pathology not in settings.pathologies
    ]


def blended(rows: Manifest) -> list[Row]:
    """List the MR that `blend` averages: training volumes, no 2D planes."""
    return [row for row in rows.where(modality="mr", split="train") if not row.plane]


def unmatchable(values: dict[str, Any], rows: Manifest) -> list[str]:
    """Find enabled runs that need matched MR where there is no MR to match.

    Args:
        values: the whole configuration.
        rows: all volumes.

    Returns:
        A message for each.
    """
    runs = [] if blended(rows) else values["enabled_runs"]
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
    """Give what a subject has, for `simulate`.

    Args:
        settings: the configuration.
        row: a volume.

    Returns:
        JSON of a `ssus2mri.config.pathology.Pathology`; empty for a healthy one.
    """
    return settings.pathologies[row.pathology].model_dump_json() if row.pathology else ""


def choose_atlas(settings: AtlasSettings, rows: Manifest) -> Row | None:
    """Choose the volume that `atlas.volume` names.

    ``auto`` is the training MR with labels that is nearest in age (the first of equals in the
    manifest), else the built-in anatomy. A simulated MR does not count: its labels are those it
    was simulated from, not those of its own pose.

    Args:
        settings: section ``atlas``.
        rows: all volumes.

    Returns:
        The row, which has ``labels``, or None for the built-in anatomy.

    Raises:
        InputError: `atlas.volume` names no row, or one that cannot define the space.
    """
    if settings.volume == BUILT_IN:
        return None
    able = [row for row in rows.where(modality="mr") if row.labels and not row.simulated]
    if settings.volume == AUTO:
        train = [row for row in able if row.split == "train"]
        return min(train, key=lambda row: abs(row.ga_weeks - settings.ga_weeks), default=None)
    for row in able:
        if row.volume == settings.volume:
            return row
    raise InputError(
        "atlas.volume",
        expected=f"`{AUTO}`, `{BUILT_IN}` or an MR volume of the manifest with `labels`",
        found=repr(settings.volume),
        do="Correct the name, fill the column `labels` of that volume, or choose `auto`.",
    )


def of_runs(values: dict[str, Any], key: str) -> str:
    """Give one setting of all enabled runs, in their order.

    Args:
        values: the whole configuration.
        key: of section ``train``, such as ``label``.

    Returns:
        JSON, run -> value.
    """
    runs = values["enabled_runs"]
    return json.dumps({run: getattr(project.run_settings(values, run), key) for run in runs})


def run_json(values: dict[str, Any], run: str) -> str:
    """Give a run's settings for training.

    The label counts in tables only: renaming a run must not train it again.

    Args:
        values: the whole configuration.
        run: a key of ``runs``.

    Returns:
        JSON of `TrainSettings`.
    """
    settings = project.run_settings(values, run)
    return settings.model_copy(update={"label": run}).model_dump_json()


def needs_match(values: dict[str, Any], run: str, *splits: str) -> bool:
    """Tell whether a run needs MR matched to the ultrasound of some splits.

    Args:
        values: the whole configuration.
        run: a key of ``runs``.
        splits: ``train`` and ``val``: to learn from; ``test``: to be offered as MR.

    Returns:
        Whether it does.
    """
    settings = project.run_settings(values, run)
    return settings.shown_match if "test" in splits else settings.learns_from_match


def grounds(values: dict[str, Any], settings: Project, rows: Manifest, run: str) -> str:
    """Hash all that a run's training depends on: on other grounds it starts anew.

    Args:
        values: the whole configuration.
        settings: the same, checked.
        rows: all volumes.
        run: a key of ``runs``.

    Returns:
        12 hexadecimal digits.
    """
    sections, modules = ["atlas", "simulate", "crop", "align", "extract"], [*_BEFORE_TRAINING]
    if needs_match(values, run, "train"):
        sections, modules = [*sections, "view", "match"], [*modules, *_MATCH]
    return digest(
        [
            project.run_settings(values, run).grounds(),
            [getattr(settings, section).model_dump() for section in sections],
            [row.model_dump() for row in rows.rows.values() if row.split != "test"],
            [fingerprint(f"ssus2mri.{module}") for module in (*modules, "learn.train")],
        ]
    )
