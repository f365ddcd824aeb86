"""Samples for the figures: a slice of a test scan with everything shown beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ssus2mri.display import white_level, within_skull
from ssus2mri.evaluate.pairs import Entry, entry, load, pair_nearest
from ssus2mri.render.choose import choose_slices, real_mr, synthetic_at
from ssus2mri.render.names import plane_name
from ssus2mri.render.picture_grid import Panel
from ssus2mri.render.pictures import upright
from ssus2mri.render.whole_picture import whole_picture
from ssus2mri.slices import Slices, read

FLAT = "no data: the whole picture of a 2D plane may show burnt-in names"


@dataclass(frozen=True)
class Files:
    """Where the figures find what they show, in the results folder; ``images`` by volume."""

    root: Path
    images: Mapping[str, Path]
    mr: Sequence[str]

    def extract(self, volume: str) -> Path:
        """Return the slice file of a volume."""
        return self.root / "extract" / f"{volume}.h5"

    def whole(self, slices: Slices, plane: int, index: int, white: float) -> Panel:
        """Draw the whole picture around a slice of a volume; ``white`` is shown as white."""
        header = slices.header
        if len(header.origin_mm) < 3:
            return Panel(note=FLAT)
        if header.volume not in self.images:
            return Panel(note="no data: no image given")
        transform = self.root / "align" / f"{header.volume}.tfm"
        picture = whole_picture(self.images[header.volume], transform, header, plane, index)
        return Panel(upright(np.clip(picture / white, 0, 1), plane_name(plane)))


@dataclass(frozen=True)
class Sample:
    """A slice of a test scan: the whole ultrasound, the slice, every run, and real MR."""

    name: str
    whole: Panel
    us: Panel
    synthetic: dict[str, Panel]
    real: Panel


@dataclass(frozen=True)
class PairSample:
    """A sample whose subject has MR too: the slice of it at the same place, and around it."""

    sample: Sample
    cropped: Panel
    whole: Panel


def sample(
    files: Files, volume: str, number: int, runs: Sequence[str]
) -> tuple[Sample, Slices, int]:
    """Compose a sample.

    Args:
        files: where things are.
        volume: a test US volume.
        number: of the sample; planes take turns, so that all are shown.
        runs: whose synthesis to show.

    Returns:
        The sample, the slices of its volume, and its place in them.
    """
    us = read(files.extract(volume))
    places = choose_slices(us, [], 1)
    place = places[number % len(places)]
    plane, index = int(us.plane[place]), int(us.index[place])
    name = plane_name(plane)
    white = white_level(us.image, within_skull(us.head, us.header.spacing_mm))
    synthetic = {}
    for run in runs:
        (image,) = synthetic_at(read(files.root / "synthesize" / run / f"{volume}.h5"), us, [place])
        synthetic[run] = Panel(upright(image, name))
    drawn = Sample(
        name=f"{volume}\n{name} {index}",
        whole=files.whole(us, plane, index, white),
        us=Panel(upright(np.clip(us.image[place] / white, 0, 1), name)),
        synthetic=synthetic,
        real=_real(files, us, place, name),
    )
    return drawn, us, place


def pair_sample(files: Files, volume: str, number: int, runs: Sequence[str], mr: str) -> PairSample:
    """Compose a sample of a subject that also has MR.

    Returns:
        The sample, and the MR slice nearest to its place.
    """
    drawn, us, place = sample(files, volume, number, runs)
    scan = Entry(Path(), us.header, us.plane[[place]], us.index[[place]])
    pairs = pair_nearest(scan, [entry(files.extract(mr))])
    if not pairs:
        missing = Panel(note=f"no data: {mr} has no {plane_name(us.plane[place])} slice")
        return PairSample(drawn, missing, missing)
    (pair,) = pairs
    slices = load(pairs)[pair.reference.path]
    plane, index = (int(a[pair.reference_number]) for a in (slices.plane, slices.index))
    cropped = upright(slices.image[pair.reference_number], plane_name(plane))
    note = f"{mr}, slice {index}"
    return PairSample(drawn, Panel(cropped, note), files.whole(slices, plane, index, 1.0))


def _real(files: Files, us: Slices, place: int, plane: str) -> Panel:
    if us.truth is not None:
        return Panel(upright(us.truth[place], plane), "true MR")
    (reference,) = real_mr(us, [place], [entry(files.extract(mr)) for mr in files.mr])
    if reference is None:
        return Panel(note="no data: no real MR of this plane")
    return Panel(upright(reference[0], plane), reference[1])
