"""Every measure of every stage, by run, kind and plane: the rows of ``summary.csv``."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ssus2mri.config.evaluate import PATTERNS, ScoreSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.statistics import of_plane, summarise, where
from ssus2mri.slices import PLANES

KINDS = ("pair", "truth")
Key = tuple[str, str, str, str]  # stage, measure, kind, run


def summary(
    frames: Mapping[str, pd.DataFrame], runs: Sequence[str], settings: ScoreSettings
) -> list[dict[str, object]]:
    """Summarise the rows of all stages.

    Args:
        frames: stage -> its rows, of subjects without a pathology.
        runs: in their order.
        settings: section ``score``.

    Returns:
        Rows of ``summary.csv``; over all planes also where nothing was measured.
    """
    rows: list[dict[str, object]] = []
    for run in runs:
        for stage, frame in frames.items():
            text = (*tables.TEXT, "pattern")
            for measure in [name for name in frame.columns if name not in text]:
                for column, kind in kinds(stage, measure):
                    key = {"run": run, "stage": stage, "measure": measure, "kind": kind}
                    group = where(frame, run=run, **({column: kind} if column else {}))
                    for plane in ("all", *PLANES):
                        slices = of_plane(group, plane)
                        if plane == "all" or len(slices):
                            numbers = summarise(slices, measure, settings)
                            rows.append({**key, "plane": plane, **numbers})
    return rows


def opinions(mos: pd.DataFrame) -> list[dict[str, object]]:
    """Turn rows of ``mos.csv`` into rows of ``summary.csv``, the group as ``kind``."""
    names = ("n_volumes", "mean", "std", "ci_low", "ci_high")
    return [
        {
            **{"run": row["run"], "stage": "rate", "measure": "mos", "kind": row["group"]},
            **{"plane": "all", "n_slices": row["n_images"]},
            **{name: None if pd.isna(row[name]) else row[name] for name in names},
        }
        for row in mos.to_dict("records")
    ]


def over_all_planes(rows: Sequence[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    """Return the rows over all planes by stage, measure, kind and run."""
    return {
        (row["stage"], row["measure"], row["kind"], row["run"]): row
        for row in rows
        if row["plane"] == "all"
    }


def kinds(stage: str, measure: str) -> list[tuple[str, str]]:
    """Return the groups of a stage's rows that have a measure: column and value, or neither."""
    if stage == "register":
        return [("", "")]
    if stage == "probe":
        return [("pattern", pattern) for pattern in PATTERNS]
    return [("kind", kind) for kind in (("position",) if measure in tables.POSITION else KINDS)]
