"""T2-weighted MR of an anatomy: noise-free contrast in atlas space, and what a scanner adds."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.simulate import MrSettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.pose import upsample
from ssus2mri.tissues import INTRACRANIAL, Tissue


def contrast(
    anatomy: Anatomy, settings: MrSettings, *, rng: np.random.Generator | None
) -> NDArray[np.float32]:
    """Give the noise-free MR on the anatomy's own grid.

    Args:
        anatomy: the labelled head.
        settings: intensities, layers of the white matter, texture, point spread.
        rng: draws the texture within tissues; None: without texture.

    Returns:
        float32 ``[z, y, x]`` of the labels' shape, about 0 to 3000, 0 outside the intracranial
        space. Partial volume is in it at tissue borders, not at the border to 0: as brain
        extraction leaves it.
    """
    labels, spacing = anatomy.array, anatomy.spacing_zyx
    table = np.zeros(len(Tissue), np.float32)
    for name, value in settings.intensity.items():
        table[Tissue[name.upper()]] = value
    image = table[labels]
    white = labels == Tissue.WHITE_MATTER
    layers = settings.subplate * _nearness(labels, settings.subplate_mm / spacing, Tissue.CORTEX)
    layers -= settings.germinal * _nearness(
        labels, settings.germinal_mm / spacing, Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS
    )
    image[white] *= 1 + layers[white]
    if rng is not None:
        texture = smooth_noise(rng, labels.shape, settings.texture_mm, spacing)
        image *= 1 + settings.texture * texture
    inside = intracranial(labels)
    share = ndimage.gaussian_filter(inside.astype(np.float32), settings.blur_mm / spacing)
    image = ndimage.gaussian_filter(image * inside, settings.blur_mm / spacing)
    return np.where(inside, image / np.maximum(share, 1e-3), 0).astype(np.float32)


def acquire(
    truth: NDArray[np.float32],
    spacing_mm: float,
    settings: MrSettings,
    *,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Add bias field and Rician noise to a noise-free MR.

    Args:
        truth: float32 ``[z, y, x]``, 0 outside the intracranial space.
        spacing_mm: edge of a voxel, mm.
        settings: bias and noise.
        rng: source of randomness.

    Returns:
        float32, same shape, 0 where the truth is 0.

    Source: Gudbjartsson and Patz, MRM 1995 (Rician noise); not stated in TMI 2020.
    """
    spacing = np.full(3, spacing_mm)
    bias = np.exp(settings.bias * smooth_noise(rng, truth.shape, settings.bias_mm, spacing))
    sigma = np.float32(settings.noise * settings.intensity["white_matter"])
    real, imaginary = (sigma * rng.standard_normal(truth.shape, np.float32) for _ in range(2))
    return np.where(truth > 0, np.hypot(truth * bias + real, imaginary), 0).astype(np.float32)


def intracranial(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Voxels inside the skull."""
    return np.isin(labels, INTRACRANIAL)


def smooth_noise(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    length_mm: float,
    spacing_zyx: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Draw smooth noise of mean 0 and standard deviation 1.

    Args:
        rng: source of randomness.
        shape: of the array.
        length_mm: standard deviation of the smoothing kernel, mm.
        spacing_zyx: edges of a voxel, mm.

    Returns:
        float32 of that shape, drawn on a coarser grid where the noise is smooth.
    """
    steps = np.maximum(length_mm / spacing_zyx / 2, 1).astype(int)
    coarse = [int(np.ceil((n - 1) / step)) + 1 for n, step in zip(shape, steps, strict=True)]
    noise = rng.standard_normal(coarse, np.float32)
    noise = ndimage.gaussian_filter(noise, length_mm / spacing_zyx / steps, mode="wrap")
    noise = (noise - noise.mean()) / max(float(noise.std()), 1e-6)
    return upsample(noise[None], shape, tuple(steps.tolist()))[0]


def _nearness(
    labels: NDArray[np.uint8], sigma: NDArray[np.float64], *tissues: Tissue
) -> NDArray[np.float32]:
    """About 1 beside any of the tissues, falling to 0 within two standard deviations."""
    return 2 * ndimage.gaussian_filter(np.isin(labels, tissues).astype(np.float32), sigma)
