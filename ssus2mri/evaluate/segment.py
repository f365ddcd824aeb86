"""Stage `segment`: measure tissues and sizes in segmented synthetic MR against the truth.

The segmenter is frozen (`ssus2mri/segment/CARD.md`) and the same for all runs. What it makes of the
true MR (`delineate`) stands beside (`true_mr`): an error that the synthesis is not to blame for.

``{run}.csv`` has a row per scan and measure, columns `tables.SEGMENT`. Measures are ``agreement``,
``tissues_scan`` and ``tissues_atlas``, which need no truth (`ssus2mri.evaluate.agreement`); and of
scans with true labels ``dice_{tissue}`` of the eight tissues of the label atlases and ``dice_mean``
over those that the scan has, ``volume_{tissue}`` (ml), and the sizes of `ssus2mri.evaluate.sizes`
(mm). ``truth`` is the number of the true labels.

Source: TMI 2020, Sec. V-A, proposes that labels drawn on synthetic MR be transferred to ultrasound,
and measures nothing.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.evaluate import SegmentSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.agreement import (
    AGREEMENT,
    TISSUES_ATLAS,
    TISSUES_SCAN,
    agreement,
    tissues_scan,
)
from ssus2mri.evaluate.delineate import Classes, read_delineation
from ssus2mri.evaluate.pairs import Entry, Pair, entry, keys, source_of, synthetic_entries
from ssus2mri.evaluate.sizes import SIZES, sizes_mm
from ssus2mri.measures import dice
from ssus2mri.segment.classes import CLASSES, TISSUES, class_of
from ssus2mri.segment.network import SegmentNetwork
from ssus2mri.segment.segment import segment
from ssus2mri.segment.weights import load_network
from ssus2mri.slices import Slices, read

logger = logging.getLogger(__name__)

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


def without_truth(
    us: Slices, classes: Classes, expected: Classes | None, settings: SegmentSettings
) -> Numbers:
    """Return the measures that need no truth, None where unknown.

    Args:
        us: ultrasound of a scan.
        classes: what its synthesis shows, ``[z, y, x]``, or ``(H, W)`` of a plane.
        expected: the same of training MR at the same places; None: there is none.
        settings: section ``segment``.
    """
    scan = tissues_scan(us, classes, settings.contrast)
    atlas = None if expected is None else dices(classes, expected)["dice_mean"]
    both = agreement(scan, atlas, settings.typical_dice)
    return {AGREEMENT: both, TISSUES_SCAN: scan, TISSUES_ATLAS: atlas}


def run_segment(
    synthetic: Sequence[Path],
    *,
    extracts: Sequence[Path],
    delineated: Path,
    out: Path,
    settings: SegmentSettings,
) -> None:
    """Segment every synthetic file and write a row per measure.

    Args:
        synthetic: slice files of one run.
        extracts: slice files of the test ultrasound.
        delineated: folder that `delineate` wrote.
        out: ``{run}.csv``.
        settings: section ``segment``.

    Raises:
        InputError: a scan without its US file or its delineation, slices that do not match, or
            different grids.
    """
    sources, network = [entry(path) for path in extracts], load_network()
    rows: list[dict[str, object]] = []
    for scan in synthetic_entries(synthetic):
        rows += _rows(scan, source_of(scan, sources), delineated, network, settings)
    tables.write(rows, tables.SEGMENT, out)


def _rows(
    scan: Entry, source: Entry, delineated: Path, network: SegmentNetwork, settings: SegmentSettings
) -> list[dict[str, object]]:
    us, classes = read(source.path), segment(read(scan.path), network)
    real = read_delineation(delineated, scan.header.volume, classes.shape)
    value = without_truth(us, classes, real.training, settings)
    truth: Numbers = {}
    true_mr: Numbers = {}
    if real.true_mr is not None:
        true, spacing_mm = true_classes(us), us.header.spacing_mm
        value |= dices(classes, true) | sizes(classes, spacing_mm, settings)
        truth |= dict.fromkeys(dices(true, true), 1.0)
        truth |= sizes(true, spacing_mm, settings)
        true_mr = dices(real.true_mr, true) | sizes(real.true_mr, spacing_mm, settings)
        truth |= without_truth(us, true, real.training, settings)
        true_mr |= without_truth(us, real.true_mr, real.training, settings)
    of_scan = keys(scan, Pair(0, source, 0))
    logger.info("%s: %d measures", scan.header.volume, len(value))
    return [
        {
            **{key: of_scan[key] for key in tables.SCAN_KEYS},
            "measure": name,
            "unit": _unit(name),
            "value": number,
            "truth": truth.get(name),
            "true_mr": true_mr.get(name),
        }
        for name, number in value.items()
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
