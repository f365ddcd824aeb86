"""Stage `browse`: write a page to browse a test scan, its synthetic MR and real MR."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.evaluate import BrowseSettings
from ssus2mri.display import windowed
from ssus2mri.errors import InputError
from ssus2mri.evaluate.pairs import entry
from ssus2mri.files import write_text
from ssus2mri.render.choose import real_mr, rows_at
from ssus2mri.render.names import shown_label
from ssus2mri.render.viewer import Layer, Scan, viewer_page
from ssus2mri.slices import Slices, read

logger = logging.getLogger(__name__)


def trust_of(spread: NDArray[np.floating], tolerance: float) -> NDArray[np.float32]:
    """Return the probability of an error below a tolerance, if errors are exponential.

    Args:
        spread: expected absolute error, any shape.
        tolerance: of intensities in [0, 1].

    Returns:
        float32 in [0, 1].
    """
    return (1 - np.exp(-tolerance / np.maximum(spread.astype(np.float32), 1e-6))).astype(np.float32)


def scan_of(
    us: Slices,
    synthetic: Sequence[tuple[str, Slices]],
    real: Layer | None,
    *,
    tolerance: float,
) -> Scan:
    """Compose what the viewer shows of a test scan.

    Args:
        us: its slices.
        synthetic: name and synthetic slices of every run, in order.
        real: real MR at the same places; None: there is none.
        tolerance: of the trust in runs that say what error they expect.

    Returns:
        Ultrasound, every run, and the true MR if it is known, else the real MR.

    Raises:
        InputError: a run lacks a slice.
    """
    header = us.header
    layers = [Layer("Ultrasound", "ultrasound", windowed(us.image, us.head, header.spacing_mm))]
    layers += [_synthetic(name, slices, us, tolerance) for name, slices in synthetic]
    if us.truth is not None:
        real = Layer("True MR", "real", us.truth)
    facts = [("subject", header.subject), ("gestational age", f"{header.ga_weeks:g} weeks")]
    if header.pathology:
        facts.append(("pathology", header.pathology.replace("_", " ")))
    if header.uncertain:
        facts.append(("pose", "uncertain: neither trained on nor scored"))
    seen = [name for name, slices in synthetic if slices.header.seen]
    if seen:
        facts.append(("no test", f"{', '.join(seen)} learned from this subject"))
    return Scan(
        title=f"{header.volume}: ultrasound and synthetic MR",
        layers=[*layers, *([real] if real else [])],
        plane=us.plane,
        index=us.index,
        head=us.head,
        spacing_mm=header.spacing_mm,
        facts=facts,
    )


def run_browse(
    extract: Path,
    *,
    synthetic: Sequence[Path],
    mr: Sequence[Path],
    labels: Mapping[str, str],
    methods: Mapping[str, str],
    out: Path,
    settings: BrowseSettings,
) -> None:
    """Write the page of a test scan.

    Args:
        extract: slice file of the ultrasound.
        synthetic: its synthetic slices, a file per run.
        mr: slice files of real MR to show where the true MR is unknown; see `choose.real_mr`.
        labels: run -> name in tables, in their order.
        methods: run -> its method.
        out: the page.
        settings: section ``browse``.

    Raises:
        InputError: a file is missing or of another scan or run.
    """
    us = read(extract)
    by_run = {slices.header.run: slices for slices in map(read, synthetic)}
    for run in labels:
        if run not in by_run or by_run[run].header.volume != us.header.volume:
            raise InputError(
                "--synthetic",
                expected=f"slices of {us.header.volume} by run {run}",
                found=f"{', '.join(map(str, synthetic))}",
                do="Give the file of every run in --labels.",
            )
    shown = [
        (shown_label(label, methods.get(run, "")), by_run[run]) for run, label in labels.items()
    ]
    real = None if us.truth is not None else _real(us, mr)
    scan = scan_of(us, shown, real, tolerance=settings.tolerance)
    text = viewer_page(scan, slices_per_plane=settings.slices_per_plane)
    write_text(text, out)
    logger.info("%s: %d images, %.1f MB", out, len(scan.layers), len(text) / 1e6)


def _synthetic(name: str, slices: Slices, us: Slices, tolerance: float) -> Layer:
    rows = rows_at(slices, us, range(len(us)))
    trust = None if slices.spread is None else trust_of(slices.spread[rows], tolerance)
    return Layer(name, "synthetic", slices.image[rows], trust=trust)


def _real(us: Slices, mr: Sequence[Path]) -> Layer | None:
    """Return the nearest real MR at every place, black where there is none."""
    near = real_mr(us, range(len(us)), [entry(path) for path in mr])
    if not any(near):
        return None
    black = np.zeros_like(us.image[0])
    images = np.stack([reference[0] if reference else black for reference in near])
    notes = [reference[1] if reference else "no real MR of this plane" for reference in near]
    return Layer("Real MR", "real", images, notes=notes)
