"""Tables of the inputs: scans and their alignment, training and settings of the runs."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ssus2mri.render.gather import Results
from ssus2mri.render.table import Cell, Column, Row, Table, number, plain, run_columns
from ssus2mri.slices import Header

_LEFT_OUT = ("run", "settings", "seconds_per_epoch")  # shown elsewhere, or too long
_ALIGNMENT = (
    *("method", "confidence", "uncertain", "similarity", "orientation_margin"),
    *("scale", "rotation_deg", "shift_mm", "head_dice"),
)
"""What the page shows of an alignment: of more columns the last would be cut off."""


def alignment_table(results: Results) -> Table:
    """Lay out the quality of every alignment, the main of what `align` wrote.

    Returns:
        The table; ``names`` are the volumes in its order: those whose pose is uncertain first, by
        confidence, then the least similar. Rows of uncertain ones are marked.
    """

    def order(volume: str) -> tuple[bool, float, float, str]:
        quality = results.align[volume]
        confidence, similarity = quality.get("confidence"), quality.get("similarity")
        uncertain = bool(quality.get("uncertain"))
        return (
            not uncertain,
            float(confidence) if uncertain and confidence is not None else 0.0,
            -2.0 if similarity is None else float(similarity),
            volume,
        )

    names = sorted(results.align, key=order)
    keys = [
        key for key in _ALIGNMENT if any(_is_plain(results.align[name].get(key)) for name in names)
    ]
    decimals = {key: _decimals([results.align[name].get(key) for name in names]) for key in keys}
    rows = [
        Row(
            [
                Cell(name),
                *(Cell(_fixed(results.align[name].get(key), decimals[key])) for key in keys),
            ],
            marked=bool(results.align[name].get("uncertain")),
        )
        for name in names
    ]
    numbers = [any(_is_number(results.align[name].get(key)) for name in names) for key in keys]
    heads = [Column(_words(key), number) for key, number in zip(keys, numbers, strict=True)]
    return Table([Column("Scan", number=False), *heads], rows, names=names)


def scan_table(results: Results) -> Table:
    """Count volumes and subjects of each modality and split."""
    groups: dict[tuple[str, str], list[Header]] = {}
    for header in results.headers:
        groups.setdefault((header.modality, header.split), []).append(header)
    order = {"train": 0, "val": 1, "test": 2}
    rows = []
    for (modality, split), headers in sorted(
        groups.items(), key=lambda item: (item[0][0] != "us", order.get(item[0][1], 3))
    ):
        weeks = [header.ga_weeks for header in headers]
        subjects = sorted({header.subject for header in headers})
        names = ", ".join(subjects[:12]) + (", …" if len(subjects) > 12 else "")
        ages = f"{min(weeks):g}" + (f" to {max(weeks):g}" if len(set(weeks)) > 1 else "")
        counts = (str(len(headers)), str(len(subjects)))
        texts = (f"{modality.upper()}, {split}", *counts, ages, names)
        rows.append(Row([Cell(text) for text in texts]))
    grid = Counter((header.size, header.spacing_mm) for header in results.headers)
    sizes = "; ".join(
        f"{size} voxels of {spacing:g} mm along each edge" for size, spacing in sorted(grid)
    )
    versions = ", ".join(sorted({header.version for header in results.headers}))
    heads = ["Images", "Volumes", "Subjects", "Weeks", "Names"]
    return Table(
        [Column(head, number=head in heads[1:4]) for head in heads],
        rows,
        caption=f"Atlas grid: {sizes}. Sliced by version {versions}.",
    )


def training_table(results: Results) -> Table:
    """Lay out side by side what the train.json of every run says, except for its settings.

    Returns:
        The table, a column per run.
    """
    flat = [
        dict(_flat({key: value for key, value in run.info.items() if key not in _LEFT_OUT}))
        for run in results.runs
    ]
    rows = [
        Row([Cell(key), *(Cell(texts.get(key, "–")) for texts in flat)])
        for key in dict.fromkeys(key for texts in flat for key in texts)
    ]
    return Table([Column("", number=False), *run_columns(results.runs)], rows)


def settings_table(results: Results) -> Table:
    """Lay out the settings of all runs; those in which trained runs differ are marked.

    Returns:
        The table: a setting, the value of most runs, and the other values with their runs.
    """
    flat = {run.label: dict(_flat(run.info["settings"])) for run in results.runs}
    trained = {run.label for run in results.runs if run.trained}
    rows = []
    for key in dict.fromkeys(key for texts in flat.values() for key in texts):
        labels: dict[str, list[str]] = {}
        for label, texts in flat.items():
            labels.setdefault(texts.get(key, "–"), []).append(label)
        usual = max(labels, key=lambda value: len(labels[value]))
        other_values = [
            f"{value} ({', '.join(runs)})" for value, runs in labels.items() if value != usual
        ]
        differs = sum(bool(trained.intersection(runs)) for runs in labels.values()) > 1
        rows.append(
            Row([Cell(key), Cell(usual), Cell("; ".join(other_values) or "–")], marked=differs)
        )
    heads = ("Setting", "Most runs", "Other runs")
    return Table([Column(head, number=False) for head in heads], rows)


def _flat(value: Any, prefix: str = "") -> Iterable[tuple[str, str]]:
    """Iterate over the leaves of nested objects: dotted key and text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}{key}.")
    else:
        yield prefix.removesuffix("."), plain(value)


def _decimals(values: list[Any]) -> int:
    """Return the decimals that suit a column: fewer for large numbers."""
    largest = max((abs(value) for value in values if _is_number(value)), default=0)
    return 1 if largest >= 10 else 3


def _fixed(value: Any, decimals: int) -> str:
    return number(value, decimals) if isinstance(value, float) else plain(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str)


def _words(key: str) -> str:
    """Turn a key into a column head: ``shift_mm`` becomes ``shift, mm``."""
    for ending, unit in (("_mm", "mm"), ("_deg", "degrees")):
        if key.endswith(ending):
            return f"{key.removesuffix(ending).replace('_', ' ')}, {unit}"
    return key.replace("_", " ")
