"""Which images an observer sees, in which order, and the opaque names that they have there."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ssus2mri.config.rate import RateSettings
from ssus2mri.errors import InputError

REAL = "real"
"""Stands for real MR where a run is named."""


@dataclass(frozen=True)
class Place:
    """A slice of a test scan, and the slice of real MR that is shown for it."""

    volume: str
    plane: str
    index: int
    real_volume: str
    real_index: int


@dataclass(frozen=True)
class Showing:
    """An image as it is shown: ``repeat_of`` is the ``image`` that it shows again, or empty."""

    image: str
    run: str
    place: Place
    repeat_of: str = ""

    @property
    def volume(self) -> str:
        """The volume that the image is of: for real MR its own."""
        return self.place.real_volume if self.run == REAL else self.place.volume

    @property
    def index(self) -> int:
        """The index of the slice in that volume."""
        return self.place.real_index if self.run == REAL else self.place.index


def showings(places: Sequence[Place], runs: Sequence[str], settings: RateSettings) -> list[Showing]:
    """Choose the images of the study and put them into their order.

    Every run, and real MR, is shown at the same places, so that runs are compared on the same
    anatomy. What remains of ``settings.images`` are repeats, spread over the runs. An observer goes
    through the order as through a circle, each from another start; the two showings of an image are
    at least ``settings.apart`` from each other on it, or as far as a short circle allows.

    Source: TMI 2020, Sec. IV-B: 80 samples an observer; which, and in which order, is not stated.

    Args:
        places: slices that may be shown, at least one.
        runs: names of the runs.
        settings: section ``rate``.

    Returns:
        The circle. The same arguments give the same one.

    Raises:
        InputError: the images do not suffice to show every run once.
    """
    generator = np.random.default_rng(settings.seed)
    kinds = [*runs, REAL]
    count = (settings.images - settings.repeats) // len(kinds)
    if count < 1:
        raise InputError(
            "rate.images",
            expected=f"at least {len(kinds) + settings.repeats}: each of {len(kinds) - 1} runs and"
            f" real MR once, and {settings.repeats} repeats",
            found=str(settings.images),
            do="Show more images, or enable fewer runs.",
        )
    chosen = choose(places, count, generator)
    names = iter(_names(settings.images, generator))
    firsts = [Showing(next(names), kind, place) for place in chosen for kind in kinds]
    # Kind by kind in turn, at places in random order: repeats of every run, evenly.
    by_kind = {kind: [shown for shown in firsts if shown.run == kind] for kind in kinds}
    orders = [generator.permutation(len(chosen)) for _ in kinds]
    again = [
        by_kind[kind][order[turn]]
        for turn in range(len(chosen))
        for kind, order in zip(kinds, orders, strict=True)
    ]
    circle = [firsts[number] for number in generator.permutation(len(firsts))]
    for first in again[: settings.images - len(firsts)]:
        repeat = replace(first, image=next(names), repeat_of=first.image)
        circle.insert(
            _far_from(circle.index(first), len(circle), settings.apart, generator), repeat
        )
    return circle


def choose(places: Sequence[Place], count: int, generator: np.random.Generator) -> list[Place]:
    """Choose places at random, but evenly over planes and volumes, no real slice twice.

    Args:
        places: candidates.
        count: how many; all that there are if they are fewer.
        generator: draws among equals.
    """
    left = [places[number] for number in generator.permutation(len(places))]
    chosen: list[Place] = []
    used: Counter[tuple[str, ...]] = Counter()
    while left and len(chosen) < count:
        place = min(left, key=lambda p: (used[(p.plane,)], used[("", p.volume)]))
        chosen.append(place)
        used.update([(place.plane,), ("", place.volume)])
        shown = (place.plane, place.real_volume, place.real_index)
        left = [
            other
            for other in left
            if other != place and (other.plane, other.real_volume, other.real_index) != shown
        ]
    return chosen


def _names(count: int, generator: np.random.Generator) -> list[str]:
    """Draw names of eight hexadecimal digits that say nothing of what they name."""
    names: dict[str, None] = {}
    while len(names) < count:
        names[generator.bytes(4).hex()] = None
    return list(names)


def _far_from(first: int, length: int, apart: int, generator: np.random.Generator) -> int:
    """Draw where to insert a repeat; later insertions only move it away from the first showing."""
    distances = np.array([_distance(first, at, length) for at in range(length + 1)])
    far = np.flatnonzero(distances >= min(apart, distances.max()))
    return int(generator.choice(far))


def _distance(first: int, at: int, length: int) -> int:
    """Count the steps on the circle from the showing at ``first`` to a repeat at ``at``."""
    steps = at - first if at > first else first + 1 - at
    return min(steps, length + 1 - steps)
