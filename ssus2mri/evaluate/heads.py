"""The first columns of a run's rows in tables: its role, and what its model has seen."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.statistics import where
from ssus2mri.methods import ROLES

MARKS = ("certificate", "n_seen")
RUN = ("run", "label", "role", *MARKS)

Heads = dict[str, dict[str, str]]  # run -> the first columns of its rows


def read_heads(
    labels: Mapping[str, str], methods: Mapping[str, str], frames: Sequence[pd.DataFrame]
) -> Heads:
    """Return the first columns of every run's rows.

    Raises:
        InputError: a run has no known method.
    """
    unknown = [run for run in labels if methods.get(run) not in ROLES]
    if unknown:
        raise InputError(
            "--methods",
            expected=f"for every run one of {', '.join(ROLES)}",
            found=", ".join(f"{run}: {methods.get(run, 'none')}" for run in unknown),
            do="Name every run's method, as in its settings.",
        )
    rows = pd.concat([frame[["run", "volume", "certificate", "seen"]] for frame in frames])
    return {
        run: {
            "run": run,
            "label": label,
            "role": ROLES[methods[run]],
            **marks(where(rows, run=run)),
        }
        for run, label in labels.items()
    }


def marks(rows: pd.DataFrame) -> dict[str, str]:
    """Say what the models behind rows have seen, and of how many scans the subject."""
    return {
        "certificate": " ".join(sorted(set(rows["certificate"]) - {""})),
        "n_seen": str(where(rows, seen=tables.SEEN)["volume"].nunique()),
    }


def marked(
    rows: Sequence[Mapping[str, object]], heads: Heads, names: Sequence[str]
) -> list[dict[str, object]]:
    """Add what the models of a row's runs have seen; nothing of real MR, which none has made."""
    rows_marked = []
    for row in rows:
        own = [heads[str(row[name])] for name in names if row[name] in heads]
        seen = {hashed for head in own for hashed in head["certificate"].split()}
        most = max((int(head["n_seen"]) for head in own), default=0)
        rows_marked.append({**row, "certificate": " ".join(sorted(seen)), "n_seen": str(most)})
    return rows_marked


def require_labels(rows: pd.DataFrame, runs: Sequence[str], paths: Sequence[Path]) -> None:
    """Refuse rows of other runs.

    Raises:
        InputError: there are some.
    """
    unknown = sorted(set(rows["run"]) - set(runs))
    if unknown:
        raise InputError(
            ", ".join(str(path) for path in paths),
            expected=f"rows of the runs {', '.join(runs)}",
            found=f"run {', '.join(unknown)}",
            do="Name every run in --labels.",
        )
