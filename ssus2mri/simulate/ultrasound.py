"""Ultrasound of an anatomy: echoes, speckle, borders and shadows along the beams of a fan.

Amplitudes are linear, 1 = 0 dB. `EchoMaps` are made once on the anatomy's grid, read along the
beams, and the envelope is read back onto the image's grid.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from ssus2mri.config.simulate import UltrasoundSettings
from ssus2mri.simulate.anatomy import Anatomy, head_mask
from ssus2mri.simulate.beam import Fan
from ssus2mri.simulate.mri import smooth_noise
from ssus2mri.simulate.pose import Points, lattice
from ssus2mri.tissues import Tissue

Beams = NDArray[np.float32]
"""An array ``(depth, lateral, elevation)``."""


@dataclass(frozen=True)
class EchoMaps:
    """What sound meets, float32 on the anatomy's grid ``[z, y, x]``.

    ``echo`` mean amplitude within the head and scalp; ``impedance`` of soft tissue; ``skull`` share
    of bone; ``outside_mm`` distance from the head.
    """

    echo: NDArray[np.float32]
    impedance: NDArray[np.float32]
    skull: NDArray[np.float32]
    outside_mm: NDArray[np.float32]


def echo_maps(anatomy: Anatomy, settings: UltrasoundSettings, *, blur_mm: float) -> EchoMaps:
    """Make the maps of an anatomy.

    Args:
        anatomy: the labelled head.
        settings: echogenicity and impedance of each tissue.
        blur_mm: standard deviation of the smoothing of borders, mm.

    Returns:
        The maps.
    """
    labels, spacing = anatomy.array, anatomy.spacing_zyx
    echo = table(settings.echogenicity_db)
    sigma = blur_mm / spacing
    head = head_mask(labels)
    return EchoMaps(
        echo=ndimage.gaussian_filter(decibel(echo)[labels], sigma),
        impedance=ndimage.gaussian_filter(table(settings.impedance)[labels], sigma),
        skull=ndimage.gaussian_filter((labels == Tissue.SKULL).astype(np.float32), sigma),
        outside_mm=ndimage.distance_transform_edt(~head, spacing).astype(np.float32),
    )


def table(values: dict[str, float]) -> NDArray[np.float32]:
    """Turn numbers by tissue name into a look-up table; background is as amniotic fluid."""
    array = np.zeros(len(Tissue), np.float32)
    for name, value in values.items():
        array[Tissue[name.upper()]] = value
    array[Tissue.BACKGROUND] = array[Tissue.AMNIOTIC_FLUID]
    return array


def decibel(values: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Turn dB into amplitude."""
    return np.asarray(10 ** (np.asarray(values, np.float32) / 20), np.float32)


def compress(envelope: NDArray[np.float32], settings: UltrasoundSettings) -> NDArray[np.uint8]:
    """Show an envelope as 0 to 255: logarithm over the dynamic range, 0 dB = 255."""
    level = 20 * np.log10(np.maximum(envelope, 1e-6)) / settings.dynamic_range_db + 1
    return np.rint(255 * np.clip(level, 0, 1)).astype(np.uint8)


def scan(
    anatomy: Anatomy,
    maps: EchoMaps,
    fan: Fan,
    to_canonical: Callable[[Points], Points],
    image_points: Points,
    settings: UltrasoundSettings,
    *,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Scan a head.

    Args:
        anatomy: the labelled head.
        maps: of that anatomy.
        fan: the probe, in image coordinates.
        to_canonical: image points ``(3, ...)`` to atlas points.
        image_points: ``(3, Z, Y, X)``, every voxel of the image.
        settings: of the scan.
        rng: draws scatterers, surroundings and gain.

    Returns:
        uint8 ``[z, y, x]``, 0 outside the fan.
    """
    canonical = lattice(lambda index: to_canonical(fan.points(index)), fan.shape)
    beams = EchoMaps(
        *[
            anatomy.sample(part, canonical, order=1, outside=outside)
            for part, outside in (
                (maps.echo, 0.0),
                (maps.impedance, float(table(settings.impedance)[Tissue.AMNIOTIC_FLUID])),
                (maps.skull, 0.0),
                (maps.outside_mm, 99.0),
            )
        ]
    )
    del canonical
    shown = compress(_envelope(beams, fan, settings, rng), settings)
    indices = fan.indices(image_points)
    image = ndimage.map_coordinates(shown.astype(np.float32), indices, order=1, cval=0.0)
    return np.rint(image).astype(np.uint8)


def _envelope(
    beams: EchoMaps, fan: Fan, settings: UltrasoundSettings, rng: np.random.Generator
) -> Beams:
    cosine = _incidence(beams.skull, fan)
    passed = _transmission(beams, cosine, fan, settings)
    diffuse = _surroundings(beams, fan, settings, rng)
    wall = np.abs(np.gradient(beams.impedance, fan.step_mm, axis=0))
    # The pulse is longer than a thin sheet: its two borders give one echo.
    wall = ndimage.gaussian_filter1d(wall, max(settings.axial_psf_mm / fan.step_mm, 0.8), axis=0)
    wall *= (beams.outside_mm < 1) * decibel(settings.wall_db)
    floor = settings.skull_floor
    angle = floor + (1 - floor) * cosine**settings.skull_exponent
    bone = decibel(settings.skull_db) * beams.skull * angle
    bone *= np.exp(0.25 * smooth_noise(rng, fan.shape, 6.0, fan.spacing_mm))
    decay = np.exp(-fan.step_mm / settings.reverberation_mm)
    haze = signal.lfilter([fan.step_mm], [1, -decay], bone, axis=0).astype(np.float32)
    haze *= decibel(settings.reverberation_db)
    speckle = _speckle(fan, settings, rng)
    # Borders reflect coherently: their brightness varies less than that of scatterers.
    steady = 0.6 + 0.4 * speckle
    echo = passed * ((diffuse + haze) * speckle + (wall + bone) * steady)
    noise = decibel(settings.noise_db) * rng.rayleigh(0.8, fan.shape).astype(np.float32)
    gain = decibel(rng.normal(0, settings.gain_std_db))
    return np.asarray(gain * np.hypot(echo, noise), np.float32)


def _incidence(skull: Beams, fan: Fan) -> Beams:
    """|n . beam| at the borders of bone; between them of no matter."""
    soft = ndimage.gaussian_filter(skull, 1.0)
    along = np.gradient(soft, fan.step_mm, axis=0)
    across = fan.range_mm() * np.float32(fan.step_rad)
    square = along**2
    for axis in (1, 2):
        square += (np.gradient(soft, axis=axis) / across) ** 2
    # The middle of the shell has no gradient of its own: take it from both borders.
    weight = ndimage.gaussian_filter(np.sqrt(square), 1.5)
    return np.clip(ndimage.gaussian_filter(np.abs(along), 1.5) / (weight + 1e-4), 0, 1)


def _transmission(beams: EchoMaps, cosine: Beams, fan: Fan, settings: UltrasoundSettings) -> Beams:
    """Amplitude left after tissue and bone on the way to each depth."""
    bone = settings.skull_loss_db_mm * (1 + settings.grazing_loss * (1 - cosine) ** 2)
    loss = settings.attenuation_db_mm * (beams.outside_mm < 1) + bone * beams.skull
    total = np.cumsum(loss * np.float32(fan.step_mm), axis=0, dtype=np.float32)
    before = total - loss * np.float32(fan.step_mm)
    return decibel(-np.minimum(before, 60))


def _surroundings(
    beams: EchoMaps, fan: Fan, settings: UltrasoundSettings, rng: np.random.Generator
) -> Beams:
    """Mean amplitude of scatterers: the head's own, and fluid then uterine wall around it."""
    spacing = fan.spacing_mm
    gap = settings.fluid_mm * (1 + smooth_noise(rng, fan.shape, 14.0, spacing))
    gap = np.minimum(gap, 8)  # the anatomy's grid reaches 10 mm beyond the head
    wall = np.clip(beams.outside_mm - gap, 0, 2) / 2
    # Maternal tissue lies in layers along the array's surface.
    layers = smooth_noise(rng, fan.shape, 1.2, spacing * np.array([1.0, 0.12, 0.12]))
    patches = smooth_noise(rng, fan.shape, 10.0, spacing)
    uterus = decibel(settings.echogenicity_db["uterine_wall"] + 4 * layers + 5 * patches)
    own = np.where(beams.outside_mm > settings.fluid_mm + 4, 0, beams.echo)
    fluid = decibel(settings.echogenicity_db["amniotic_fluid"])
    outside = np.clip(beams.outside_mm - 2, 0, 1)
    return own * (1 - outside) + outside * (wall * uterus + (1 - wall) * fluid)


def _speckle(fan: Fan, settings: UltrasoundSettings, rng: np.random.Generator) -> Beams:
    """Rayleigh envelope of mean square 1, of the point spread's size, wider across the beam."""
    across = settings.lateral_psf_mm
    sigma = np.array([settings.axial_psf_mm, across, across]) / fan.spacing_mm
    square = np.zeros(fan.shape, np.float32)
    for _ in range(2):
        part = ndimage.gaussian_filter(rng.standard_normal(fan.shape, np.float32), sigma)
        square += part**2
    return np.sqrt(square / square.mean(), dtype=np.float32)
