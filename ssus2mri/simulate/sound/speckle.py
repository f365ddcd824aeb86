"""Echoes as a scanner receives them: random scatterers, and the point spread of the beam.

The received field is linear in scatterers and borders and is spread by a separable Gaussian that
varies with depth (the usual approximation of what Field II computes: Jensen, Med Biol Eng Comput
34, 1996; Bamber and Dickinson, Phys Med Biol 25, 1980). All of it happens in beam coordinates, so
the spread lies along and across the beams. Scatterers far below the wavelength add up to a circular
complex Gaussian field whose envelope is Rayleigh distributed, mean over std 1.91 (Wagner et al.,
IEEE Trans Son Ultrason 30, 1983); few scatterers a resolution cell deviate from it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.simulate.sound.beam import Fan
from ssus2mri.simulate.sound.echo import table

SPEED_MM_US = 1.54
"""Speed of sound in soft tissue, which scanners assume, mm/us."""
_CELL = (2 * np.sqrt(np.pi)) ** 3  # effective volume of a Gaussian of unit std, of its square
_FEW = 25.0

Field = NDArray[np.complex64]
"""Complex amplitude ``(depth, lateral, elevation)``."""


@dataclass(frozen=True)
class PointSpread:
    """Gaussian standard deviations, mm: ``axial_mm`` a number; the others ``(D, 1, 1)``."""

    axial_mm: float
    lateral_mm: NDArray[np.float32]
    elevation_mm: NDArray[np.float32]


def point_spread(fan: Fan, frequency_mhz: float, settings: UltrasoundSettings) -> PointSpread:
    """Return the point spread of a probe: wavelengths at the focus, wider away from it.

    Args:
        fan: the beams.
        frequency_mhz: centre frequency.
        settings: widths, foci, and how the beam widens: hyperbolically, as a Gaussian beam does.

    Returns:
        The point spread.
    """
    probe = settings.probe
    wavelength = SPEED_MM_US / frequency_mhz

    def width(narrowest: float, focus_mm: float, spread: float) -> NDArray[np.float32]:
        return np.hypot(np.float32(narrowest * wavelength), spread * (fan.depth_mm - focus_mm))

    return PointSpread(
        probe.axial_psf * wavelength,
        width(probe.lateral_psf, probe.focus_mm, probe.spread).astype(np.float32),
        width(probe.elevation_psf, probe.elevation_focus_mm, probe.elevation_spread).astype(
            np.float32
        ),
    )


def scatterers(
    tissue: NDArray[np.uint8],
    fan: Fan,
    psf: PointSpread,
    settings: UltrasoundSettings,
    rng: np.random.Generator,
) -> Field:
    """Draw the scatterers of every beam sample: complex, mean square 1.

    Each has a random strength and phase, so n of them add up to a Gaussian number of variance n. n
    is drawn where a resolution cell holds few; where it holds many, its mean does as well.

    Args:
        tissue: labels along the beams.
        fan: the beams; gives the volume of a sample.
        psf: gives the volume of a resolution cell.
        settings: density of scatterers of each tissue.
        rng: source of randomness.

    Returns:
        complex64, shape of ``tissue``.
    """
    field = gaussian_field(rng, tissue.shape)
    density = table(settings, "scatterers_mm3")
    volume = fan.step_mm * fan.lateral_mm * fan.elevation_mm
    cell = _CELL * psf.axial_mm * (psf.lateral_mm * psf.elevation_mm).min()
    sparse = np.take(density * cell < _FEW, tissue)
    expected = np.take(density, tissue[sparse]) * np.broadcast_to(volume, tissue.shape)[sparse]
    field[sparse] *= np.sqrt(rng.poisson(expected) / expected, dtype=np.float32)
    return field


def gaussian_field(rng: np.random.Generator, shape: tuple[int, ...]) -> Field:
    """Draw circular complex Gaussian noise of mean square 1."""
    pairs = rng.standard_normal((*shape, 2), np.float32)
    pairs *= np.float32(np.sqrt(0.5))
    return pairs.view(np.complex64)[..., 0]


def spread_across(field: Field, fan: Fan, psf: PointSpread) -> Field:
    """Blur a field across the beams, each depth by its own width.

    Args:
        field: to blur; beyond the fan's border is nothing.
        fan: the beams.
        psf: how wide.

    Returns:
        Field of the same shape; constants stay what they are.
    """
    shape = [fft.next_fast_len(size + 8) for size in field.shape[1:]]
    lateral, elevation = _transfer(fan, psf, shape)
    spectrum = fft.fft2(field, s=shape, axes=(1, 2))
    spectrum *= lateral
    spectrum *= elevation
    blurred = fft.ifft2(spectrum, axes=(1, 2), overwrite_x=True)
    return np.ascontiguousarray(blurred[:, : field.shape[1], : field.shape[2]])


def spread_along(field: Field, fan: Fan, psf: PointSpread) -> Field:
    """Blur a field along the beams; constants stay what they are."""
    sigma = psf.axial_mm / fan.step_mm
    result = np.empty_like(field)
    for part in ("real", "imag"):
        blurred = ndimage.gaussian_filter1d(getattr(field, part), sigma, axis=0)
        setattr(result, part, blurred)
    return result


def speckle_gain(fan: Fan, psf: PointSpread) -> NDArray[np.float32]:
    """Return the factor that gives independent samples a mean square of 1 when blurred.

    Returns:
        ``(D, 1, 1)``; the scanner's gain that evens out the size of the resolution cell.
    """
    shape = [fft.next_fast_len(size + 8) for size in fan.shape[1:]]
    power = axial_power(fan, psf)
    for part, axis in zip(_transfer(fan, psf, shape), (1, 2), strict=True):
        power = power * (part**2).mean(axis=axis, keepdims=True)
    return (1 / np.sqrt(power)).astype(np.float32)


def axial_power(fan: Fan, psf: PointSpread) -> float:
    """Return the mean square of white noise of mean square 1 after `spread_along`."""
    impulse = np.zeros(2 * int(6 * psf.axial_mm / fan.step_mm) + 3)
    impulse[len(impulse) // 2] = 1
    return float((ndimage.gaussian_filter1d(impulse, psf.axial_mm / fan.step_mm) ** 2).sum())


def _transfer(
    fan: Fan, psf: PointSpread, shape: list[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the transfer functions of both blurs across, ``(D, L, 1)`` and ``(D, 1, E)``."""

    def gaussian(sigma: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        turns = fft.fftfreq(size).astype(np.float32)
        return np.exp(np.float32(-2 * np.pi**2) * (sigma[:, :, 0] * turns) ** 2)

    return (
        gaussian(psf.lateral_mm / fan.lateral_mm, shape[0])[:, :, None],
        gaussian(psf.elevation_mm / fan.elevation_mm, shape[1])[:, None, :],
    )
