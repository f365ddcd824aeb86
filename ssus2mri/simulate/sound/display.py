"""From echoes to grey: the operator's gain, thermal noise, log compression, scan conversion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import interpolate, ndimage

from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.simulate.pose import Points
from ssus2mri.simulate.sound.beam import Fan
from ssus2mri.simulate.sound.echo import Beams


@dataclass(frozen=True)
class Console:
    """How the operator set the scanner up: the settings that differ from scan to scan.

    ``tgc_share`` of the mean attenuation is compensated; ``sliders_db`` are added to that, evenly
    over the depth.
    """

    frequency_mhz: float
    gain_db: float
    dynamic_range_db: float
    tgc_share: float
    sliders_db: NDArray[np.float64]


def random_console(rng: np.random.Generator, settings: UltrasoundSettings) -> Console:
    """Draw a scan's frequency, gain, dynamic range and gain compensation."""
    return Console(
        frequency_mhz=rng.uniform(*settings.probe.frequency_mhz),
        gain_db=settings.gain_db + rng.normal(0, settings.gain_std_db),
        dynamic_range_db=rng.uniform(*settings.dynamic_range_db),
        tgc_share=rng.normal(1, settings.tgc_error),
        sliders_db=rng.normal(0, settings.tgc_slider_db, settings.tgc_sliders),
    )


def compensation_db(soft_db: Beams, console: Console) -> NDArray[np.float32]:
    """Return the time-gain compensation.

    The operator makes soft tissue look even over the depth: what it loses on average, with an
    error, and what each slider is off. Shadows of bone are not compensated.

    Args:
        soft_db: attenuation by soft tissue from the array to every depth and back, dB.
        console: of the scan.

    Returns:
        ``(D, 1, 1)``, dB.
    """
    mean = soft_db.mean(axis=(1, 2), dtype=np.float64) * console.tgc_share
    place = np.linspace(0, len(mean) - 1, len(console.sliders_db))
    sliders = interpolate.PchipInterpolator(place, console.sliders_db)(np.arange(len(mean)))
    return (mean + sliders).astype(np.float32)[:, None, None]


def compress(
    envelope: NDArray[np.float32],
    *,
    dynamic_range_db: float,
    gain_db: float,
    grey_exponent: float,
) -> NDArray[np.float32]:
    """Show an envelope: logarithm over the dynamic range, then the scanner's grey map.

    Args:
        envelope: 1 = 0 dB.
        dynamic_range_db: range from black to white.
        gain_db: added to the envelope.
        grey_exponent: the grey map: a power, above 1 it darkens weak echoes.

    Returns:
        float32, 0 to 255; 255 at 0 dB and above.
    """
    level = np.log10(np.maximum(envelope, np.float32(1e-6)))
    level *= np.float32(20 / dynamic_range_db)
    level += np.float32(1 + gain_db / dynamic_range_db)
    return np.float32(255) * np.clip(level, 0, 1, out=level) ** np.float32(grey_exponent)


def persist(shown: Beams, persistence: float) -> Beams:
    """Average each plane of the sweep with those before it, as scanners do against speckle.

    Args:
        shown: grey values (depth, lateral, elevation), float.
        persistence: share of a plane that is the plane before it, 0 to below 1.

    Returns:
        Same shape; the first plane is as it was.
    """
    if persistence == 0:
        return shown
    from scipy import signal  # loads scipy.stats, which takes a third of a second

    start = persistence * shown[:, :, :1]
    blended, _ = signal.lfilter([1 - persistence], [1, -persistence], shown, axis=2, zi=start)
    return blended.astype(shown.dtype)


def scan_convert(
    shown: Beams, fan: Fan, image_points: Points, *, smoothing_mm: float, hidden_mm: float
) -> NDArray[np.uint8]:
    """Bring grey values of beams onto the image's grid.

    Args:
        shown: 0 to 255.
        fan: the beams.
        image_points: ``(3, Z, Y, X)``, every voxel of the image, mm.
        smoothing_mm: standard deviation of the smoothing that scanners do against speckle, mm.
        hidden_mm: depth below the array that is not shown, mm.

    Returns:
        uint8 ``[z, y, x]``, 0 outside the fan.
    """
    indices = fan.indices(image_points)
    image = ndimage.map_coordinates(shown, indices, order=1, mode="nearest", prefilter=False)
    origin, *neighbours = (image_points[(slice(None), *at)] for at in np.eye(4, 3, -1, dtype=int))
    spacing = [float(np.linalg.norm(point - origin)) for point in neighbours]
    if smoothing_mm > 0:
        image = ndimage.gaussian_filter(image, [smoothing_mm / step for step in spacing])
    for axis, size in enumerate(fan.shape):
        first = hidden_mm / fan.step_mm if axis == 0 else 0
        image[(indices[axis] < first) | (indices[axis] > size - 1)] = 0
    return np.rint(image).astype(np.uint8)
