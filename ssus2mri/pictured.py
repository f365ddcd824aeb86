"""Choose the scans and runs that figures and pages show."""

import json
from typing import Any

from ssus2mri.config import project
from ssus2mri.manifest import Manifest, Row


def beside(table: Manifest, row: Row) -> list[Row]:
    """Return the real MR to show beside a test scan whose true MR is unknown.

    Returns:
        MR of the same subject, and the training MR of nearest age (the first of equals in the
        manifest), volumes rather than 2D planes; none for a simulated scan, whose true MR is known.
    """
    if row.simulated:
        return []
    training = table.where(modality="mr", split="train")
    near = min(
        training,
        key=lambda mr: (bool(mr.plane), abs(mr.ga_weeks - row.ga_weeks)),
        default=None,
    )
    same = [mr for mr in table.where(modality="mr", split="test") if mr.subject == row.subject]
    return same if near is None else [*same, near]


def explained(values: dict[str, Any]) -> str:
    """Return the run whose latent spaces are shown: the first enabled one of the source's method.

    Returns:
        Its name; empty where there is none.
    """
    runs = values["enabled_runs"]
    return next((r for r in runs if project.run_settings(values, r).method == "synthesis"), "")


def pictured(table: Manifest, count: int) -> tuple[list[Row], list[Row]]:
    """Return the scans that the figures show.

    Returns:
        The first ultrasound of split test, and real MR: of the same subjects, then the training MR
        to show where the true MR is unknown.
    """
    us = table.where(modality="us", split="test")[:count]
    subjects = {row.subject for row in us}
    pairs = [row for row in table.where(modality="mr", split="test") if row.subject in subjects]
    near = [mr for row in us for mr in beside(table, row)]
    return us, list({row.volume: row for row in [*pairs, *near]}.values())


def images_json(rows: list[Row]) -> str:
    """Return the images of the 3D volumes among some rows, as JSON: volume -> file."""
    return json.dumps({row.volume: row.image for row in rows if not row.plane})
