"""Summarise the rows of `segment` over scans: does a synthesis show the anatomy of its scan?

``anatomy.csv`` (not in the paper): a row per run, pathology (``none``: subjects without) and
measure. Measures are ``agreement``, ``tissues_scan``
and ``tissues_atlas``, which need no truth; and where the true labels are known
``dice_mean``, ``dice_{tissue}``, and the absolute errors ``error_{size}`` (mm) and
``error_volume_{tissue}`` (ml). ``n_missing`` are the scans in whose synthesis the structure was not
found; they have no error, so that a low error with many of them says little. ``true_mr`` is the
mean of what the segmenter reads off the true MR.
"""

from collections.abc import Mapping

import pandas as pd

from ssus2mri.config.evaluate import ScoreSettings
from ssus2mri.evaluate.statistics import STATISTICS, summarise, where

COLUMNS = ("pathology", "measure", "unit", "n_volumes", "n_missing", *STATISTICS, "true_mr")
HEALTHY = "none"
"""Stands for no pathology."""


def anatomy(
    rows: pd.DataFrame, heads: Mapping[str, Mapping[str, str]], settings: ScoreSettings
) -> list[dict[str, object]]:
    """Summarise the rows of `segment`.

    Returns:
        Rows with at least those columns and `COLUMNS`, by run; subjects without a pathology come
        first. No row of a measure that no scan has.
    """
    measured = errors(rows)
    return [
        {
            **head,
            "pathology": pathology or HEALTHY,
            "measure": measure,
            "unit": group["unit"].iloc[0],
            "n_missing": int(group["missing"].sum()),
            "true_mr": _mean(group["true_mr"]),
            **summarise(group, "value", settings),
        }
        for run, head in heads.items()
        for pathology in sorted(measured["pathology"].unique())
        for measure in measured["measure"].unique()
        if len(group := where(measured, run=run, pathology=pathology, measure=measure))
    ]


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    """Turn sizes and volumes into absolute errors, named ``error_{measure}``.

    Returns:
        The rows that say something, with ``missing``: the true labels have the structure, the
        synthesis has not.
    """
    plain = rows["unit"] == ""
    measured = rows.assign(
        measure=rows["measure"].where(plain, "error_" + rows["measure"].astype(str)),
        missing=rows["value"].isna() & rows["truth"].notna(),
    )
    for name in ("value", "true_mr"):
        measured[name] = rows[name].where(plain, (rows[name] - rows["truth"]).abs())
    return measured[rows["value"].notna() | rows["truth"].notna()]


def _mean(values: pd.Series) -> float | None:
    return float(values.mean()) if values.notna().any() else None
