"""Stage `rate`: write the opinion study, ``study.html`` for observers and ``key.csv`` for us.

The page needs no network and no other file. It names no run, no scan and no place: each image has
an opaque name, and only the key, which observers must not get, says what it is: columns `KEY`, a
row per image in the order of the page.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ssus2mri.config.rate import RateSettings
from ssus2mri.errors import InputError
from ssus2mri.evaluate import tables
from ssus2mri.evaluate.pairs import Entry, entry, mr_entries, pair_nearest, require_same_grid
from ssus2mri.files import write_text
from ssus2mri.rate.showing import REAL, Place, Showing, showings
from ssus2mri.render.pages import environment
from ssus2mri.render.pictures import grey, upright
from ssus2mri.slices import PLANES, Slices, read, read_header

logger = logging.getLogger(__name__)

KEY = (
    *("study", "image", "run", "volume", "plane", "index", "repeat_of"),
    *("certificate", "seen"),
)
"""The last two are what `ssus2mri.evaluate.tables.KEYS` says of them; empty for real MR."""
WORDS = ("bad", "poor", "fair", "good", "excellent")
"""What the ratings 1 to 5 are called (ITU-R BT.500); the source says "inferior" and "superior"."""

Files = Mapping[str, Mapping[str, Path]]  # run -> volume -> synthetic slices


def run_rate(
    synthetic: Sequence[Path], *, references: Sequence[Path], out: Path, settings: RateSettings
) -> None:
    """Write the page and its key; without a slice to show, a page that says so and an empty key.

    Source: TMI 2020, Sec. IV-B, MOS.

    Args:
        synthetic: slice files of all runs, each of the same test volumes.
        references: slice files of real MR; those of test subjects are shown if there are any.
        out: the page; ``key.csv`` is written beside it.
        settings: section ``rate``.

    Raises:
        InputError: a run without a volume that another run has, a file of the wrong kind, or too
            few images for the runs.
    """
    files = _by_run(synthetic)
    scans = [entry(path) for path in next(iter(files.values()), {}).values()]
    mrs = mr_entries(references)
    tested = [mr for mr in mrs if mr.header.split == "test" and not mr.header.pathology]
    places = [
        place for scan in scans for place in _places(scan, tested or mrs, settings.min_head_share)
    ]
    # Other stages need no opinions: where there is nothing to rate, the page says so.
    circle = showings(places, list(files), settings) if places else []
    if not places:
        logger.warning("nothing to rate: no healthy test scan of certain pose with MR of its plane")
    sources = _sources(circle, files, {mr.header.volume: mr.path for mr in mrs})
    study = _study(circle, sources, settings)
    write_text(_page(circle, sources, study, settings), out)
    tables.write(_key(circle, files, study), KEY, out.with_name("key.csv"))
    logger.info("%s: study %s, %d images of %d runs", out, study, len(circle), len(files))


def _key(circle: Sequence[Showing], files: Files, study: str) -> list[dict[str, object]]:
    """Say what each image is, and what the model that made it has seen."""
    headers = {
        (run, volume): read_header(path)
        for run, own in files.items()
        for volume, path in own.items()
    }
    rows: list[dict[str, object]] = []
    for shown in circle:
        header = headers.get((shown.run, shown.volume))
        rows.append(
            {
                **{"study": study, "image": shown.image, "run": shown.run},
                **{"volume": shown.volume, "plane": shown.place.plane},
                **{"index": shown.index, "repeat_of": shown.repeat_of},
                "certificate": header.certificate if header else "",
                "seen": tables.SEEN if header and header.seen else "",
            }
        )
    return rows


def _by_run(paths: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """Sort files by run and volume, without scans of uncertain pose or with a pathology."""
    files: dict[str, dict[str, Path]] = {}
    for path in paths:
        header = read_header(path)
        if not header.run or header.run == REAL:
            raise InputError(
                str(path),
                expected=f"synthetic slices of a run that is not called {REAL!r}",
                found=f"run {header.run!r}" if header.run else "slices of a real scan",
                do="Pass the files that `synthesize` wrote.",
            )
        if not (header.uncertain or header.pathology):
            files.setdefault(header.run, {})[header.volume] = path
    volumes = next(iter(files.values()), {}).keys()
    for run, own in files.items():
        if own.keys() != volumes:
            raise InputError(
                f"run {run}",
                expected=f"slices of {', '.join(volumes)}, as of the other runs",
                found=", ".join(own),
                do="Run `synthesize` again.",
            )
    return files


def _places(scan: Entry, mrs: Sequence[Entry], min_head_share: float) -> list[Place]:
    """List the slices of a scan that show enough of a head and have real MR in their plane."""
    for mr in mrs:
        require_same_grid(scan, mr)
    areas = read(scan.path).head.sum(axis=(1, 2))
    largest = {plane: areas[scan.plane == plane].max() for plane in np.unique(scan.plane)}
    return [
        Place(
            scan.header.volume,
            PLANES[scan.plane[pair.number]],
            int(scan.index[pair.number]),
            pair.reference.header.volume,
            int(pair.reference.index[pair.reference_number]),
        )
        for pair in pair_nearest(scan, mrs)
        if areas[pair.number] >= min_head_share * largest[scan.plane[pair.number]]
    ]


def _sources(circle: Sequence[Showing], files: Files, mrs: Mapping[str, Path]) -> dict[str, str]:
    """Draw what is shown: name of the image -> data URI, each file read once."""
    wanted: dict[Path, list[Showing]] = {}
    for shown in circle:
        path = (mrs if shown.run == REAL else files[shown.run])[shown.volume]
        wanted.setdefault(path, []).append(shown)
    sources = {}
    for path, showings_of_file in wanted.items():
        slices = read(path)
        for shown in showings_of_file:
            image = slices.image[_row(path, slices, shown.place.plane, shown.index)]
            sources[shown.image] = grey(upright(image, shown.place.plane))
    return sources


def _row(path: Path, slices: Slices, plane: str, index: int) -> int:
    rows = np.flatnonzero((slices.plane == PLANES.index(plane)) & (slices.index == index))
    if not len(rows):
        raise InputError(
            str(path),
            expected=f"{plane} slice {index}, which another run has",
            found="no such slice",
            do="Run `synthesize` again.",
        )
    return int(rows[0])


def _study(circle: Sequence[Showing], sources: Mapping[str, str], settings: RateSettings) -> str:
    """Name the study by all that its ratings depend on: other images, another study."""
    content = hashlib.sha256("\n".join(settings.groups).encode())
    for shown in circle:
        content.update(f"{shown.image} {sources[shown.image]}\n".encode())
    return content.hexdigest()[:12]


def _page(
    circle: Sequence[Showing], sources: Mapping[str, str], study: str, settings: RateSettings
) -> str:
    page = environment("ssus2mri.rate").get_template("study.html")
    return page.render(
        title=settings.title,
        groups=settings.groups,
        words=WORDS,
        study=study,
        images=[{"image": shown.image, "source": sources[shown.image]} for shown in circle],
    )
