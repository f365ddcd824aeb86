"""Stage `delineate`: tissues of the real MR that `segment` compares every run's synthesis with.

The segmenter is frozen, so these tissues are the same for all runs: they are found once.
``{volume}.npz`` holds, of a test scan, ``training``: tissues of training MR at the places of its
slices, as the model ``atlas`` shows it; and ``true_mr``: tissues of its true MR, of a volume whose
true labels are known too. Either is left out where there is no such MR.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri import arrays
from ssus2mri.errors import InputError
from ssus2mri.evaluate.pairs import (
    Entry,
    entry_of,
    load,
    mr_entries,
    pair_nearest,
    require_same_grid,
)
from ssus2mri.segment.network import SegmentNetwork
from ssus2mri.segment.segment import segment
from ssus2mri.segment.weights import load_network
from ssus2mri.slices import Slices, read

logger = logging.getLogger(__name__)

Classes = NDArray[np.uint8]
_STAGE, _TRAINING, _TRUE_MR = "delineate", "training", "true_mr"


@dataclass(frozen=True)
class Delineation:
    """Positions in `CLASSES`, ``[z, y, x]`` on the atlas grid, or ``(H, W)`` of a plane."""

    training: Classes | None
    true_mr: Classes | None


def run_delineate(extracts: Sequence[Path], *, references: Sequence[Path], out: Path) -> None:
    """Segment the true MR of test scans, and training MR at the places of their slices.

    Args:
        extracts: slice files of the test ultrasound.
        references: slice files of training MR; none: there is no ``training``.
        out: folder; ``{volume}.npz`` of every scan, empty where its pose is uncertain.

    Raises:
        InputError: a reference that is no real MR, or different grids.
    """
    mrs, network = mr_entries(references) if references else [], load_network()
    for path in extracts:
        us = read(path)
        classes = {} if us.header.uncertain else _delineated(path, us, mrs, network)
        arrays.write(classes, out / f"{us.header.volume}.npz")
        logger.info("%s: %s", us.header.volume, ", ".join(classes) or "nothing")


def read_delineation(folder: Path, volume: str, shape: tuple[int, ...]) -> Delineation:
    """Read what `run_delineate` wrote of a scan.

    Raises:
        InputError: missing, damaged, or on another grid.
    """
    path = folder / f"{volume}.npz"
    stored = arrays.read(path, stage=_STAGE)
    for name, classes in stored.items():
        if classes.shape != shape:
            raise InputError(
                f"{path}, {name}",
                expected=f"shape {shape}",
                found=f"{classes.shape}",
                do="Run `delineate` again with the same setting of `atlas`.",
            )
    return Delineation(stored.get(_TRAINING), stored.get(_TRUE_MR))


def _delineated(
    path: Path, us: Slices, mrs: Sequence[Entry], network: SegmentNetwork
) -> dict[str, Classes]:
    classes = {}
    training = _training_mr(entry_of(path, us), us, mrs)
    if training is not None:
        classes[_TRAINING] = segment(training, network)
    if us.labels is not None and us.truth is not None and len(us) > 1:
        classes[_TRUE_MR] = segment(replace(us, image=us.truth), network)
    return classes


def _training_mr(source: Entry, us: Slices, mrs: Sequence[Entry]) -> Slices | None:
    """Return training MR at the places of a scan, as the model ``atlas`` does; None without any."""
    pairs = pair_nearest(source, mrs)
    if not pairs:
        return None
    for reference in {pair.reference.path: pair.reference for pair in pairs}.values():
        require_same_grid(source, reference)
    images, image = load(pairs), np.zeros_like(us.image)
    for pair in pairs:
        mr = images[pair.reference.path]
        image[pair.number] = mr.image[pair.reference_number] * us.head[pair.number]
    return replace(us, image=image)
