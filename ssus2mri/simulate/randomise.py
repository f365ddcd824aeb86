"""Draw the scanner of one simulated ultrasound scan: probe, sound and console.

Whatever is trained or judged on simulated ultrasound should not learn one scanner. The ranges are
those of `RandomiseSettings`; `benchmarks/realism.py` compares them with real scans. Source: domain
randomisation as in Billot et al. (SynthSeg), MedIA 86, 2023; not stated in TMI 2020.
"""

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.randomise import RandomiseSettings
from ssus2mri.config.ultrasound import SIDES, UltrasoundSettings
from ssus2mri.config.values import Interval
from ssus2mri.growth import axial_axes_mm

_ASPECT, _HEIGHT = 0.78, 0.75  # of a usual head: width and height against length (Hadlock 1981)
_PROBE = ("radius_mm", "lateral_deg", "elevation_deg", "tilt_deg", "offset_mm")
_POINT_SPREAD = ("axial_psf", "lateral_psf", "elevation_psf")
_SOUND = (
    *("specular_db", "bone_exponent", "bone_floor", "grazing_loss", "reverberation_db"),
    *("reverberation_mm", "streaks", "haze_db", "haze_mm", "noise_db"),
)
_CONSOLE = ("tgc_error", "tgc_slider_db", "grey_exponent", "smoothing_mm", "persistence")


def draw_scanner(
    settings: UltrasoundSettings,
    ranges: RandomiseSettings,
    *,
    hc_mm: float,
    rng: np.random.Generator,
) -> UltrasoundSettings:
    """Return the settings of a random scanner.

    Args:
        settings: of the usual scanner; keeps what no range names.
        ranges: to draw from.
        hc_mm: head circumference, which says how far from its centre the skull lies.
        rng: source of randomness.

    Returns:
        Settings whose ranges have no width: the scan draws no scanner of its own.
    """

    def draw(names: tuple[str, ...]) -> dict[str, float]:
        return {name: rng.uniform(*getattr(ranges, name)) for name in names}

    shares = np.array([ranges.sides[side] for side in SIDES])
    side = SIDES[rng.choice(len(SIDES), p=shares / shares.sum())]
    skull_mm = _radius_mm(side, hc_mm)
    gap_mm = rng.uniform(*ranges.gap_mm)
    depth_mm = gap_mm + 2 * skull_mm + rng.uniform(*ranges.behind_mm)
    probe = draw(_PROBE) | draw(_POINT_SPREAD)
    # The sweep's axis must lie behind the outermost elements of the array.
    chord_mm = probe["radius_mm"] * np.deg2rad(probe["lateral_deg"]) ** 2 / 2
    probe["pivot_mm"] = rng.uniform(1.05 * chord_mm, probe["radius_mm"])
    tissues = {
        name: tissue.model_copy(
            update={"echogenicity_db": tissue.echogenicity_db + rng.normal(0, ranges.echo_db)}
        )
        for name, tissue in settings.tissues.items()
    }
    return settings.model_copy(
        update={
            "probe": settings.probe.model_copy(
                update=probe
                | {
                    "sides": {name: float(name == side) for name in SIDES},
                    "distance_mm": _point(skull_mm + gap_mm),
                    "depth_mm": _point(depth_mm),
                    "hidden_mm": min(rng.uniform(*ranges.hidden_mm), 0.9 * gap_mm),
                    "frequency_mhz": _point(rng.uniform(*ranges.frequency_mhz)),
                    "focus_mm": rng.uniform(gap_mm, depth_mm),
                    "elevation_focus_mm": rng.uniform(gap_mm, depth_mm),
                }
            ),
            "tissues": tissues,
            "dynamic_range_db": _point(rng.uniform(*ranges.dynamic_range_db)),
            "gain_db": rng.uniform(*ranges.gain_db),
            **draw(_SOUND),
            **draw(_CONSOLE),
        }
    )


def burn_boxes(
    image: NDArray[np.uint8],
    ranges: RandomiseSettings,
    *,
    spacing_mm: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return an image with black boxes in its outer parts, as where burnt-in text was removed.

    Args:
        image: uint8 ``[z, y, x]``.
        ranges: how many boxes, and how large.
        spacing_mm: edge of a voxel.
        rng: source of randomness.

    Returns:
        uint8, same shape.
    """
    boxed = image.copy()
    for _ in range(rng.integers(ranges.boxes + 1)):
        edges = [round(rng.uniform(*ranges.box_mm) / spacing_mm) for _ in range(3)]
        # Along one axis in the outer fifth, where text stands.
        starts = [
            int(rng.uniform(0, max(size - edge, 1)))
            for edge, size in zip(edges, image.shape, strict=True)
        ]
        axis = int(rng.integers(3))
        fifth = rng.uniform(0, image.shape[axis] / 5)
        starts[axis] = int(fifth if rng.random() < 0.5 else image.shape[axis] - fifth - edges[axis])
        boxed[tuple(slice(max(s, 0), s + e) for s, e in zip(starts, edges, strict=True))] = 0
    return boxed


def _radius_mm(side: str, hc_mm: float) -> float:
    """Return how far from the centre of a usual head its skull lies on one side, mm."""
    long_mm, wide_mm = axial_axes_mm(hc_mm, _ASPECT)
    if side in ("right", "left"):
        return wide_mm / 2
    return _HEIGHT * long_mm / 2 if side == "top" else long_mm / 2


def _point(value: float) -> Interval:
    return (value, value)
