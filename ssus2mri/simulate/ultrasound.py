"""Ultrasound of an anatomy: a 3D sweep of a curved array over a labelled head.

One scan is a chain of physical steps, each a module: properties of tissue (`echo`), beams (`beam`),
reflection, loss and reverberation (`propagation`), scatterers and point spread (`speckle`), gain,
noise and grey values (`display`). Amplitudes are linear, 1 = 0 dB = white.

Precedents: Kuklisova-Murgasova et al., MedIA 17, 2013 (ultrasound simulated from a segmented fetal
MR, to register the two); Wein et al., MedIA 12, 2008 (ultrasound from CT: reflection, transmission,
log compression); Burger et al., IEEE TMI 32, 2013 (ray casting through labels with a convolved
scatterer texture); Jensen, Med Biol Eng Comput 34, 1996 (Field II: the linear model behind).
Source: not in TMI 2020, which has no simulation.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.simulate.anatomy import Anatomy, head_mask
from ssus2mri.simulate.mri import smooth_noise
from ssus2mri.simulate.pose import Points, Pose
from ssus2mri.simulate.sound import display, propagation, speckle
from ssus2mri.simulate.sound.beam import Fan, random_fan, views
from ssus2mri.simulate.sound.display import Console, random_console, scan_convert
from ssus2mri.simulate.sound.echo import BeamMaps, Beams, EchoMaps, along_beams, decibel, echo_maps
from ssus2mri.tissues import Tissue

_IDEAL_MM = 0.5


def random_scan(
    anatomy: Anatomy,
    pose: Pose,
    to_canonical: Callable[[Points], Points],
    image_points: Callable[[], Points],
    settings: UltrasoundSettings,
    *,
    spacing_mm: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Put a probe beside a head, and scan it.

    Args:
        anatomy: the labelled head, with what surrounds it.
        pose: of the head in the image.
        to_canonical: image points ``(3, ...)`` to atlas points.
        image_points: gives every voxel of the image, ``(3, Z, Y, X)``; called late, to save memory.
        settings: of the scan.
        spacing_mm: edge of the image's voxels.
        rng: draws where the probe stands, and the scan.

    Returns:
        uint8 ``[z, y, x]``, 0 outside the fan.
    """
    fan = random_fan(rng, pose, settings, spacing_mm=spacing_mm)
    blur_mm = settings.border_mm + settings.border_voxels * spacing_mm
    maps = echo_maps(anatomy, settings, blur_mm=blur_mm)
    return scan(anatomy, maps, fan, to_canonical, image_points(), settings, rng=rng)


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
        anatomy: the labelled head, with what surrounds it.
        maps: of that anatomy.
        fan: the probe, in image coordinates.
        to_canonical: image points ``(3, ...)`` to atlas points.
        image_points: ``(3, Z, Y, X)``, every voxel of the image.
        settings: of the scan.
        rng: draws the scanner's set-up, scatterers and noise.

    Returns:
        uint8 ``[z, y, x]``, 0 outside the fan.
    """
    console = random_console(rng, settings)
    beams = along_beams(anatomy, maps, fan, to_canonical, settings)
    received = envelope(beams, fan, console, settings, blur_mm=maps.blur_mm, rng=rng)
    del beams
    shown = display.compress(
        received,
        dynamic_range_db=console.dynamic_range_db,
        gain_db=console.gain_db,
        grey_exponent=settings.grey_exponent,
    )
    return scan_convert(
        display.persist(shown, settings.persistence),
        fan,
        image_points,
        smoothing_mm=settings.smoothing_mm,
        hidden_mm=settings.probe.hidden_mm,
    )


def envelope(
    beams: BeamMaps,
    fan: Fan,
    console: Console,
    settings: UltrasoundSettings,
    *,
    blur_mm: float,
    rng: np.random.Generator,
) -> Beams:
    """Receive the echoes of all beams.

    Args:
        beams: what they meet.
        fan: where they run.
        console: how the scanner is set up.
        settings: of the scan.
        blur_mm: how much the borders of ``beams`` are smoothed, mm.
        rng: draws scatterers and noise.

    Returns:
        Envelope after gain compensation, before gain and log compression.
    """
    psf = speckle.point_spread(fan, console.frequency_mhz, settings)
    slope, cosine = propagation.borders(beams.impedance, fan, settings)
    soft_db, all_db = propagation.loss_db(beams, cosine, fan, console.frequency_mhz, settings)
    tgc_db = display.compensation_db(soft_db, console)
    del soft_db
    left = decibel(np.maximum(tgc_db - all_db, -80, out=all_db))
    left = propagation.see_past(left, fan, settings)
    # Over a border this sums to the echo: reflection coefficient times the share that returns.
    mirror = slope * propagation.angle_factor(cosine, beams.bone, settings)
    mirror *= decibel(settings.specular_db) * _roughness(fan, settings, rng)
    mirror *= left
    del slope, cosine
    scatter = speckle.scatterers(beams.tissue, fan, psf, settings, rng)
    scatter *= speckle.speckle_gain(fan, psf)
    late = propagation.clutter(
        mirror * propagation.hardness(beams.bone), scatter, fan, settings, rng
    )
    haze = decibel(settings.haze_db) * np.exp(-fan.depth_mm / np.float32(settings.haze_mm))
    late += scatter * haze
    scatter *= left * beams.echo * _texture(beams.tissue, fan, settings, rng)
    # A border's echo is as high as the border is strong, however long the pulse and the blur.
    # (The last term is the blur of a central difference.)
    width = np.linalg.norm([psf.axial_mm, blur_mm, fan.step_mm / np.sqrt(3)])
    mirror *= np.float32(np.sqrt(2 * np.pi) * width)
    field = speckle.spread_across(scatter + mirror + late, fan, psf)
    # Noise comes in after the beam is formed: it has the pulse's length and no width.
    noise = speckle.gaussian_field(rng, fan.shape)
    noise *= decibel(settings.noise_db + tgc_db) / np.sqrt(speckle.axial_power(fan, psf))
    field += noise
    return np.abs(speckle.spread_along(field, fan, psf))


def compress(received: NDArray[np.float32], settings: UltrasoundSettings) -> NDArray[np.uint8]:
    """Show an envelope as 0 to 255 over the middle of the dynamic ranges, at no gain."""
    shown = display.compress(
        received,
        dynamic_range_db=float(np.mean(settings.dynamic_range_db)),
        gain_db=0.0,
        grey_exponent=settings.grey_exponent,
    )
    return np.rint(shown).astype(np.uint8)


def idealised(anatomy: Anatomy, settings: UltrasoundSettings) -> NDArray[np.float32]:
    """Simulate the ultrasound of a mean scan: echoes and borders, no shadow or speckle.

    Borders are as bright as they are on average for the sides that the probe stands on: what lies
    along the beam is hardly seen, in a scan as here.

    Args:
        anatomy: the labelled head.
        settings: properties of each tissue, sides of the probe.

    Returns:
        float32 ``[z, y, x]`` on the anatomy's grid, 0 to 255; 0 away from the head.
    """
    spacing = anatomy.spacing_zyx
    maps = echo_maps(anatomy, settings, blur_mm=_IDEAL_MM)
    parts = np.stack(list(np.gradient(maps.impedance, *spacing))[::-1])
    steep = np.maximum(np.sqrt((parts**2).sum(0)), np.float32(1e-6))
    mirror = np.zeros_like(steep)
    turn = np.array(anatomy.labels.GetDirection(), np.float32).reshape(3, 3)
    for share, beam in views(settings.probe):
        along = np.abs(np.tensordot(turn.T @ beam, parts, 1))
        mirror += share * along * propagation.angle_factor(along / steep, maps.bone, settings)
    mirror *= decibel(settings.specular_db) * np.float32(np.sqrt(2 * np.pi) * _IDEAL_MM)
    near = ndimage.binary_dilation(head_mask(anatomy.array), iterations=1)
    shown = compress(np.where(near, maps.echo + mirror, 0).astype(np.float32), settings)
    return ndimage.gaussian_filter(shown.astype(np.float32), 0.5 / spacing)


def _roughness(fan: Fan, settings: UltrasoundSettings, rng: np.random.Generator) -> Beams:
    noise = smooth_noise(rng, fan.shape, settings.roughness_mm, fan.spacing_mm)
    return np.exp(np.float32(settings.roughness) * noise)


def _texture(
    tissue: NDArray[np.uint8], fan: Fan, settings: UltrasoundSettings, rng: np.random.Generator
) -> Beams:
    """Return how a tissue's echo varies within it; maternal tissue lies in layers."""
    spacing = fan.spacing_mm
    level = settings.texture_db * smooth_noise(rng, fan.shape, settings.texture_mm, spacing)
    flat = spacing * np.array([1.0, 0.12, 0.12])
    layers = smooth_noise(rng, fan.shape, settings.layers_mm, flat)
    patches = smooth_noise(rng, fan.shape, settings.patches_mm, spacing)
    maternal = tissue == Tissue.UTERINE_WALL
    level[maternal] += (settings.layers_db * layers + settings.patches_db * patches)[maternal]
    return decibel(level)
