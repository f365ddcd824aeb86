"""Compare the speckle of homogeneous tissue with theory, before compression.

    python studies/simulator/speckle.py

The fan, frequency and grid of a scan of the configured probe, filled with one tissue. First the
envelope's mean over its standard deviation for each density of scatterers (1.91 is Rayleigh's:
Wagner et al., IEEE Trans. Son. Ultrason. 1983). Then the point spread that the speckle's
correlation tells, beside the one that was set: the intensity of a field blurred by a Gaussian of
standard deviation s is correlated as exp(-d^2 / 2 s^2).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.base import load_section
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.simulate.pose import Pose, generator
from ssus2mri.simulate.sound import speckle
from ssus2mri.simulate.sound.beam import Fan, random_fan
from ssus2mri.tissues import Tissue

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
RAYLEIGH = float(np.sqrt(np.pi / (4 - np.pi)))
DEPTHS_MM = (40.0, 70.0, 100.0)
SLAB_MM = 8.0
RIM = 6  # beams at the fan's sides, where the blur meets nothing


def main() -> None:
    settings = load_section(SimulateSettings, str(CONFIG), "simulate")
    upright = Pose(np.eye(3), np.zeros(3))
    fan = random_fan(
        generator(0, "fan"), upright, settings.ultrasound, spacing_mm=settings.spacing_mm
    )
    frequency = float(np.mean(settings.ultrasound.probe.frequency_mhz))
    psf = speckle.point_spread(fan, frequency, settings.ultrasound)

    def intensity(tissue: Tissue) -> NDArray[np.float32]:
        """Return the squared envelope ``(depth, lateral, elevation)`` of one tissue alone."""
        labels = np.full(fan.shape, tissue, np.uint8)
        field = speckle.scatterers(
            labels, fan, psf, settings.ultrasound, generator(0, "speckle", tissue.name)
        )
        field = speckle.spread_along(speckle.spread_across(field, fan, psf), fan, psf)
        return np.abs(field[:, RIM:-RIM, RIM:-RIM]) ** 2

    by_density = {
        tissue.scatterers_mm3: Tissue[name.upper()]
        for name, tissue in settings.ultrasound.tissues.items()
    }
    print(f"{frequency:g} MHz, beams {' x '.join(map(str, fan.shape))}")
    print(f"mean / std of the envelope, theory for many scatterers {RAYLEIGH:.3f}")
    print("| scatterers / mm3 | " + " | ".join(f"{depth:g} mm deep" for depth in DEPTHS_MM) + " |")
    print("|---" * (1 + len(DEPTHS_MM)) + "|")
    for density, tissue in sorted(by_density.items(), reverse=True):
        echoes = np.sqrt(intensity(tissue))
        parts = [slab(echoes, fan, depth) for depth in DEPTHS_MM]
        ratios = [f"{part.mean() / part.std():.3f}" for part in parts]
        print(f"| {density:g} | " + " | ".join(ratios) + " |")
    print()
    print("| point spread, std mm: set / measured | axial | lateral | elevation |")
    print("|---|---|---|---|")
    echoes = intensity(Tissue.WHITE_MATTER)
    for depth in DEPTHS_MM:
        at = round(depth / fan.step_mm)
        pitches = (fan.step_mm, fan.lateral_mm[at].item(), fan.elevation_mm[at].item())
        wanted = (psf.axial_mm, psf.lateral_mm[at].item(), psf.elevation_mm[at].item())
        cells = [
            f"{want:.3f} / {spread(slab(echoes, fan, depth), axis, pitch):.3f}"
            for axis, (pitch, want) in enumerate(zip(pitches, wanted, strict=True))
        ]
        print(f"| {depth:g} mm deep | " + " | ".join(cells) + " |")


def slab(volume: NDArray[np.float32], fan: Fan, depth_mm: float) -> NDArray[np.float32]:
    """Return a few millimetres of depth."""
    first, last = (round((depth_mm + side * SLAB_MM / 2) / fan.step_mm) for side in (-1, 1))
    return volume[first : last + 1]


def spread(intensity: NDArray[np.float32], axis: int, pitch_mm: float) -> float:
    """Return the standard deviation of the point spread, mm, from the correlation of neighbours."""
    varied = np.moveaxis(intensity - intensity.mean(), axis, 0)
    correlation = (varied[1:] * varied[:-1]).mean() / varied.var()
    return float(pitch_mm / np.sqrt(-2 * np.log(correlation)))


if __name__ == "__main__":
    main()
