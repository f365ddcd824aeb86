"""The path of a pulse: reflection at borders, attenuation, and late echoes.

Straight rays, as in Wein et al. (MedIA 12, 2008) and Burger et al. (IEEE TMI 32, 2013): reflection
from the impedances on both sides of a border and from the angle between border and beam, loss from
the tissue on the way. Refraction, diffraction and the speed of sound of bone are not modelled.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.simulate.sound.beam import Fan
from ssus2mri.simulate.sound.echo import BONE, BeamMaps, Beams, decibel, table
from ssus2mri.tissues import Tissue

_COARSE = 3


def borders(impedance: Beams, fan: Fan, settings: UltrasoundSettings) -> tuple[Beams, Beams]:
    """Find borders along the beams.

    Args:
        impedance: half the logarithm of impedance, smooth at borders.
        fan: the beams.
        settings: the neighbourhood that a direction is taken from.

    Returns:
        ``slope``, its absolute change along the beam, 1/mm: over a border it sums to the artanh of
        the reflection coefficient (Z2 - Z1) / (Z2 + Z1). ``cosine``, |n . beam| of the nearest
        border, 0 to 1; where there is none, any number.
    """
    along = np.abs(np.gradient(impedance, fan.step_mm, axis=0))
    square = along**2
    square += (np.gradient(impedance, axis=1) / fan.lateral_mm) ** 2
    square += (np.gradient(impedance, axis=2) / fan.elevation_mm) ** 2
    # The middle of a shell has no gradient of its own, and voxels make borders rough: use both
    # borders, and the neighbourhood.
    size = [odd(settings.normal_mm / step) for step in fan.spacing_mm]
    steepest = ndimage.uniform_filter(np.sqrt(square), size)
    cosine = ndimage.uniform_filter(along, size)
    cosine /= np.maximum(steepest, 1e-4, out=steepest)
    return along, np.clip(cosine, 0, 1, out=cosine)


def see_past(passed: Beams, fan: Fan, settings: UltrasoundSettings) -> Beams:
    """Soften shadows: the aperture is wide, and parts of it look past an edge."""
    wide = [odd(settings.probe.aperture_mm / step) for step in fan.spacing_mm[1:]]
    return ndimage.uniform_filter(passed, [1, *wide])


def odd(size: float) -> int:
    """Return the odd number nearest to a size: a window about its middle."""
    return 2 * round((size - 1) / 2) + 1 if size > 1 else 1


def angle_factor(cosine: Beams, bone: Beams, settings: UltrasoundSettings) -> Beams:
    """Return the share of a border's echo that returns: a floor, the rest ~ |n . beam| ^ p."""
    log = np.log(np.maximum(cosine, np.float32(1e-4)))

    def factor(floor: float, exponent: float) -> Beams:
        return np.float32(1 - floor) * np.exp(np.float32(exponent) * log) + np.float32(floor)

    soft = factor(settings.specular_floor, settings.specular_exponent)
    hard = factor(settings.bone_floor, settings.bone_exponent)
    return soft + (hard - soft) * hardness(bone)


def hardness(bone: Beams) -> Beams:
    """Return 1 at borders of bone, where half of a voxel is bone, and 0 at others."""
    return np.minimum(2 * bone, 1)


def loss_db(
    maps: BeamMaps,
    cosine: Beams,
    fan: Fan,
    frequency_mhz: float,
    settings: UltrasoundSettings,
) -> tuple[Beams, Beams]:
    """Return the attenuation of the echo from every depth, there and back.

    Soft tissue: 2 f alpha a centimetre. Bone: the same, more at grazing angles (mode conversion and
    total reflection: Clement, White and Hynynen, JASA 115, 2004), and what both its borders reflect
    away.

    Args:
        maps: along the beams.
        cosine: of `borders`.
        fan: the beams.
        frequency_mhz: of the scan.
        settings: attenuation and impedance of each tissue, loss at grazing angles.

    Returns:
        dB of soft tissue, and dB of all; both cumulated along the beams.
    """
    attenuation = table(settings, "attenuation_db_cm_mhz")
    hard = np.float32(attenuation[Tissue.SKULL])
    attenuation[list(BONE)] = 0
    a_step = np.float32(2 * frequency_mhz * fan.step_mm / 10)  # dB of 1 dB/cm/MHz over a step
    soft = np.take(attenuation, maps.tissue) * a_step
    bone = maps.bone * (1 + np.float32(settings.grazing_loss) * (1 - cosine) ** 2)
    bone *= hard * a_step
    bone += mirrored_db(settings) * np.abs(np.gradient(maps.bone, axis=0))
    soft_total = np.cumsum(soft, axis=0, dtype=np.float32) - soft
    bone_total = np.cumsum(bone, axis=0, dtype=np.float32) - bone
    return soft_total, soft_total + bone_total


def mirrored_db(settings: UltrasoundSettings) -> np.float32:
    """Return the loss at one border of bone, there and back: 1 - R^2 in amplitude, as dB."""
    impedance = table(settings, "impedance_mrayl")
    hard, soft = impedance[Tissue.SKULL], impedance[Tissue.WHITE_MATTER]
    return np.float32(-20 * np.log10(1 - ((hard - soft) / (hard + soft)) ** 2))


def clutter(
    bone_echo: Beams,
    scatter: NDArray[np.complex64],
    fan: Fan,
    settings: UltrasoundSettings,
    rng: np.random.Generator,
) -> NDArray[np.complex64]:
    """Simulate reverberation between bone, maternal tissue and probe: late echoes of bone.

    Behind the bone nearer to the probe it covers the hemisphere there. Part of it repeats the
    bone's echo at delays that all beams share, in streaks along the skull; part is diffuse.

    Args:
        bone_echo: received from bone, 1/mm: over a border it sums to the border's echo.
        scatter: random field of mean square 1.
        fan: the beams.
        settings: strength, decay and share of streaks.
        rng: draws the delays.

    Returns:
        Field to add to the echoes.
    """
    # Neither needs the depth resolution of the echoes, and both come from around a place.
    wide = [odd(settings.probe.aperture_mm / step) for step in fan.spacing_mm[1:]]
    few = ndimage.uniform_filter(bone_echo, [_COARSE, *wide])[_COARSE // 2 :: _COARSE]
    step = np.float32(fan.step_mm * _COARSE)
    delay = step * np.arange(len(few), dtype=np.float32)
    kernel = np.ones((3, len(few)), np.float32)
    kernel[0] = np.sqrt(1 - settings.streaks)
    kernel[1:] = np.sqrt(settings.streaks / 2) * rng.standard_normal((2, len(few)), np.float32)
    kernel *= decibel(settings.reverberation_db) * np.exp(-delay / settings.reverberation_mm) * step
    kernel[:, 0] = 0
    diffuse, real, imaginary = (
        np.repeat((late @ few.reshape(len(few), -1)).reshape(few.shape), _COARSE, axis=0)
        for late in (linalg.toeplitz(row, np.zeros_like(row)) for row in kernel)
    )
    field = np.zeros_like(scatter)
    depth = min(len(field), len(diffuse))
    field[:depth] = diffuse[:depth] * scatter[:depth]
    field.real[:depth] += real[:depth]
    field.imag[:depth] += imaginary[:depth]
    return field
