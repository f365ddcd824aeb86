"""Stage `segment`: tissues and sizes that a segmenter reads off synthetic MR, against the truth.

The segmenter is frozen (`ssus2mri/segment/CARD.md`) and the same for all runs. What it makes of the
true MR is the ceiling: an error that the synthesis is not to blame for.

``{run}.csv`` has a row per scan and measure, columns `COLUMNS`. Measures are ``dice_{tissue}`` of
the eight tissues of the label atlases and ``dice_mean`` over those that the scan has,
``volume_{tissue}`` (ml), and the sizes of `ssus2mri.evaluate.sizes` (mm). ``truth`` is the number
of the true labels. Scans without true labels have no rows.

Source: TMI 2020, Sec. V-A, proposes that labels drawn on synthetic MR be transferred to ultrasound,
and measures nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.evaluate import SegmentSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.pairs import Entry, Pair, entry, keys, source_of, synthetic_entries
from ssus2mri.evaluate.sizes import SIZES, sizes_mm
from ssus2mri.measures import dice
from ssus2mri.segment.classes import CLASSES, TISSUES, class_of
from ssus2mri.segment.segment import segment
from ssus2mri.segment.weights import load_network
from ssus2mri.slices import Slices, read

logger = logging.getLogger(__name__)

KEYS = tuple(key for key in tables.KEYS if key not in ("plane", "index", "reference"))
COLUMNS = (*KEYS, "measure", "unit", "value", "truth", "ceiling")

Classes = NDArray[np.uint8]
Numbers = dict[str, float | None]


def dices(classes: Classes, truth: Classes) -> Numbers:
    """Return the Dice of every tissue and their mean over the tissues that the truth has.

    Args:
        classes: positions in `CLASSES`, any shape.
        truth: the same of the true labels.

    Returns:
        ``dice_{tissue}`` and ``dice_mean``; None for a tissue that neither has.
    """
    each = {
        tissue: dice(classes == label, truth == label)
        for label, tissue in enumerate(CLASSES)
        if tissue in TISSUES
    }
    there = [each[tissue] or 0.0 for tissue in TISSUES if (truth == CLASSES.index(tissue)).any()]
    numbers: Numbers = {f"dice_{tissue.name.lower()}": value for tissue, value in each.items()}
    numbers["dice_mean"] = float(np.mean(there)) if there else None
    return numbers


def sizes(classes: Classes, spacing_mm: float, settings: SegmentSettings) -> Numbers:
    """Return volumes (ml) and sizes (mm) of a segmented brain ``[z, y, x]``; None if unknown."""
    counts = np.bincount(classes.ravel(), minlength=len(CLASSES))
    numbers: Numbers = {
        f"volume_{tissue.name.lower()}": float(counts[CLASSES.index(tissue)] * spacing_mm**3 / 1000)
        for tissue in TISSUES
    }
    lengths = sizes_mm(classes, spacing_mm, settings.atrium)
    return numbers | {name: v if np.isfinite(v) else None for name, v in lengths.items()}


def run_segment(
    synthetic: Sequence[Path], *, extracts: Sequence[Path], out: Path, settings: SegmentSettings
) -> None:
    """Segment every synthetic file and its true MR, and write a row per measure.

    Args:
        synthetic: slice files of one run.
        extracts: slice files of the test ultrasound.
        out: ``{run}.csv``; the header only if no scan has true labels.
        settings: section ``segment``.

    Raises:
        InputError: a scan without its US file, slices that do not match, or different grids.
    """
    sources = [entry(path) for path in extracts]
    rows: list[dict[str, object]] = []
    for scan in synthetic_entries(synthetic):
        rows += _rows(scan, source_of(scan, sources), settings)
    tables.write(rows, COLUMNS, out)


def _rows(scan: Entry, source: Entry, settings: SegmentSettings) -> list[dict[str, object]]:
    us = read(source.path)
    if us.labels is None or us.truth is None or len(us) == 1:
        return []
    spacing_mm = scan.header.spacing_mm
    truth = true_classes(us)
    covered = volume_of(us, np.ones_like(us.head)) > 0
    synthetic, ceiling = (
        segment(slices, load_network()) * covered
        for slices in (read(scan.path), replace(us, image=us.truth))
    )
    found = dices(synthetic, truth) | sizes(synthetic, spacing_mm, settings)
    best = dices(ceiling, truth) | sizes(ceiling, spacing_mm, settings)
    true = {name: 1.0 for name in dices(truth, truth)} | sizes(truth, spacing_mm, settings)
    of_scan = keys(scan, Pair(0, source, 0))
    logger.info(
        "%s: mean Dice %.2f of at best %.2f",
        scan.header.volume,
        found["dice_mean"] or 0.0,
        best["dice_mean"] or 0.0,
    )
    return [
        {
            **{key: of_scan[key] for key in KEYS},
            "measure": name,
            "unit": _unit(name),
            "value": value,
            "truth": true[name],
            "ceiling": best[name],
        }
        for name, value in found.items()
    ]


def true_classes(us: Slices) -> Classes:
    """Return the classes of a scan's true labels, ``[z, y, x]`` on the atlas grid."""
    if us.labels is None:
        raise ValueError("no labels")
    return volume_of(us, class_of(us.labels))


def volume_of(us: Slices, values: NDArray) -> Classes:
    """Put ``(S, H, W)`` of labels back into the atlas grid: planes agree wherever they cross."""
    volume = np.zeros((us.header.size,) * 3, np.uint8)
    for image, plane, index in zip(values, us.plane, us.index, strict=True):
        np.moveaxis(volume, int(plane), 0)[int(index)] = image
    return volume


def _unit(measure: str) -> str:
    if measure in SIZES:
        return "mm"
    return "ml" if measure.startswith("volume_") else ""
