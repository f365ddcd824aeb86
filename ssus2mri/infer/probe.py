"""Stage `probe`: whether squares stamped into ultrasound reappear in a run's synthesis.

``{run}.csv`` has a row per slice and pattern, columns `COLUMNS`. ``psnr_db`` is that of two images,
the pattern as stamped and as recovered, 0 or 1 in each pixel of the slice; where they are equal it
is infinite and the cap is written, with ``capped`` 1. The source's 99.37 +- 1.55 dB (Table III)
lies at such a cap, which it does not state: a single wrong pixel of its 160 x 160 gives 44.1 dB. So
the mean of capped numbers says mostly how many are capped, and ``dice`` of the pattern stands
beside.

Every slice is synthesised by itself, as in the source, not fused with those of other planes. The MR
that `match` deformed onto the head is that of the scan without pattern.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ssus2mri import slices
from ssus2mri.config.evaluate import PATTERNS, ProbeSettings
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.pairs import Pair, choose, entry_of, keys
from ssus2mri.infer.patterns import draw_patterns, recover, stamp
from ssus2mri.infer.seen import certified
from ssus2mri.infer.synthesize import prepare, synthesize
from ssus2mri.learn.data.pool import read_match
from ssus2mri.measures import dice, psnr
from ssus2mri.slices import Slices

logger = logging.getLogger(__name__)

COLUMNS = (*tables.KEYS, "pattern", "area_mm2", "psnr_db", "capped", "dice")


def probe(
    synthesis: Callable[[Slices], Slices],
    us: Slices,
    *,
    shown: Slices,
    path: Path,
    run: str,
    neighbours: int,
    settings: ProbeSettings,
) -> list[dict[str, object]]:
    """Stamp patterns into slices of a scan, synthesise them with and without, and compare.

    Args:
        synthesis: from ultrasound to synthetic MR, the same slices.
        us: ultrasound slices of a volume.
        shown: what the run is shown in their place: ``us`` itself, or the MR that `match` made of
            the scan without pattern.
        path: file of the ultrasound.
        run: name of the run.
        neighbours: slices on either side that the run sees as well; they are not stamped.
        settings: section ``probe``.

    Returns:
        A row per slice and pattern, of `COLUMNS`; slices too small for a square are left out.
    """
    scan = entry_of(path, us)
    pairs = choose([Pair(n, scan, n) for n in range(len(us))], scan, settings.slices_per_volume)
    seen = with_neighbours(us, [pair.number for pair in pairs], neighbours)
    part, base = subset(us, seen), subset(shown, seen)
    rows = [seen.index(pair.number) for pair in pairs]
    plain = synthesis(base)
    whole = np.ones(us.image.shape[1:], bool)
    written: list[dict[str, object]] = []
    for pattern in PATTERNS:
        masks = draw_patterns(part, pattern, rows, settings)
        stamped = synthesis(stamp(part, rows, masks, settings.intensity) if shown is us else base)
        for pair, row, mask in zip(pairs, rows, masks, strict=True):
            if not mask.any():
                continue
            preserved = recover(plain.image[row], stamped.image[row], settings.threshold)
            written.append(
                {
                    **keys(scan, pair),
                    "run": run,
                    "pattern": pattern,
                    "area_mm2": float(mask.sum()) * us.header.spacing_mm**2,
                    "psnr_db": psnr(
                        preserved * 1.0, mask * 1.0, whole, cap_db=settings.psnr_cap_db
                    ),
                    "capped": int((preserved == mask).all()),
                    "dice": dice(preserved, mask),
                }
            )
    return written


def subset(us: Slices, rows: list[int]) -> Slices:
    """Return some slices of a file, without truth and labels."""
    names = ("image", "plane", "index", "head")
    return replace(us, **{name: getattr(us, name)[rows] for name in names}, truth=None, labels=None)


def with_neighbours(us: Slices, rows: list[int], neighbours: int) -> list[int]:
    """Return slices and those up to ``neighbours`` beside them in their plane, in order."""
    near = [
        (us.plane == us.plane[row]) & (np.abs(us.index - us.index[row]) <= neighbours)
        for row in rows
    ]
    return [int(row) for row in np.nonzero(np.any(near, axis=0))[0]]


def run_probe(
    model: Path,
    extracts: list[Path],
    *,
    run: str,
    out: Path,
    settings: ProbeSettings,
    synthesis: SynthesizeSettings,
    threads: int,
    matched: Path | None = None,
) -> None:
    """Probe a run on every US file and write ``{run}.csv``.

    Args:
        model: file written by `train`.
        extracts: US slice files.
        run: name of the run.
        out: the CSV.
        settings: section ``probe``.
        synthesis: section ``synthesize``; ``fuse`` has no effect.
        threads: of the CPU.
        matched: folder of the MR that `match` wrote, for method ``matched``.

    Raises:
        InputError: unfit model or file, or a model that was trained on one of the subjects.
    """
    loaded, device, infer = prepare(
        model, extracts, run=run, settings=synthesis, threads=threads, matched=matched
    )
    traits = loaded.settings.traits
    neighbours = loaded.settings.network.neighbours
    size = synthesis.gpu_batch_size if device.type == "cuda" else synthesis.batch_size
    rows: list[dict[str, object]] = []
    for path in extracts:
        us = slices.read(path)
        if us.header.uncertain:
            continue
        us = replace(us, header=certified(us.header, loaded))
        synthesise = partial(
            synthesize, infer, neighbours=neighbours, run=run, batch_size=size, device=device
        )
        shown = us
        if traits.shown_match and matched is not None:
            shown = replace(us, image=read_match(us, matched))
        rows += probe(
            synthesise,
            us,
            shown=shown,
            path=path,
            run=run,
            neighbours=neighbours,
            settings=settings,
        )
        logger.info("%s: %s, %d patterns so far", run, us.header.volume, len(rows))
    tables.write(rows, COLUMNS, out)
