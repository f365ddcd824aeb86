"""T2-weighted MR of an anatomy: noise-free contrast in atlas space, and what a scanner adds."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.blur import mean_within
from ssus2mri.config.simulate import LayersSettings, MrSettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.pose import upsample
from ssus2mri.simulate.scanner import cut, draw_stack, onto_grid, rician
from ssus2mri.tissues import INTRACRANIAL, Tissue

REFERENCE_WEEKS = 23.0
"""Age of the volume that intensities and layers were read off."""


def contrast(
    anatomy: Anatomy, settings: MrSettings, *, ga_weeks: float, rng: np.random.Generator | None
) -> NDArray[np.float32]:
    """Return the noise-free MR on the anatomy's own grid.

    Args:
        anatomy: the labelled head.
        settings: intensities, layers of the white matter, texture, point spread.
        ga_weeks: gestational age, weeks: the layers fade with it.
        rng: draws the texture within tissues; None: without texture.

    Returns:
        float32 ``[z, y, x]`` of the labels' shape, about 0 to 3000, 0 outside the intracranial
        space. Partial volume is in it at tissue borders, and at the skull, which gives no signal.
    """
    image = np.zeros(anatomy.array.shape, np.float32)
    for box in ndimage.find_objects(intracranial(anatomy.array).astype(np.uint8)):
        image[box] = _brain(anatomy.array[box], anatomy.spacing_zyx, settings, ga_weeks, rng)
    return image


def layers(
    labels: NDArray[np.uint8],
    spacing_zyx: NDArray[np.float64],
    settings: LayersSettings,
    *,
    ga_weeks: float,
) -> NDArray[np.float32]:
    """Return how much brighter than the rest the transient layers of the white matter are.

    Water-rich subplate below the cortex is bright, densely celled periventricular layers are dark,
    and between them lies the intermediate zone. Both layers fade linearly with age.

    Args:
        labels: `Tissue`, ``[z, y, x]``.
        spacing_zyx: edges of a voxel, mm.
        settings: contrast at 23 weeks, depth, and age of disappearance.
        ga_weeks: gestational age, weeks.

    Returns:
        float32, same shape: share of the white matter's intensity to be added, 0 elsewhere.

    Source: layers, Kostovic and Judas, Anat. Rec. 267, 2002, and Rados et al., Eur. J. Radiol. 57,
    2006. Subplate invisible from 28 to 35 weeks by region, Perkins et al., Dev. Neurosci. 30, 2008.
    Germinal matrix largest at 23 weeks, then involuting, Kinoshita et al., AJNR 22, 2001.
    Not stated in the sources: that both fade linearly, at constant depth.
    """
    white = labels == Tissue.WHITE_MATTER
    change = np.zeros(labels.shape, np.float32)
    for sign, layer, tissues in (
        (1, settings.subplate, (Tissue.CORTEX,)),
        (-1, settings.germinal, (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)),
    ):
        left = max(layer.until_weeks - ga_weeks, 0) / (layer.until_weeks - REFERENCE_WEEKS)
        beside = np.isin(labels, tissues)
        if not beside.any():
            continue
        # Distances are between centres of voxels; the border lies half a voxel nearer.
        depth = ndimage.distance_transform_edt(~beside, spacing_zyx) - spacing_zyx.mean() / 2
        weight = np.exp(-0.5 * np.square(depth[white] / layer.depth_mm))
        change[white] += (sign * left * layer.contrast * weight).astype(np.float32)
    return change


def acquire(
    truth: NDArray[np.float32],
    spacing_mm: float,
    settings: MrSettings,
    *,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Scan a noise-free MR: a super-resolved reconstruction, or one stack of thick slices.

    Args:
        truth: float32 ``[z, y, x]``, 0 outside the intracranial space.
        spacing_mm: edge of a voxel, mm.
        settings: bias field, noise, resolution, motion.
        rng: draws all of them.

    Returns:
        float32, same shape, 0 where the truth is 0.
    """
    inside = truth > 0
    signal = truth * bias_field(truth.shape, spacing_mm, settings, rng=rng)
    sigma = settings.intensity["white_matter"] / rng.uniform(*settings.snr)
    if rng.uniform() < settings.stacked_share:
        stack = draw_stack(truth.shape, spacing_mm, settings.stack, rng=rng)
        slices = rician(cut(signal, inside, stack), sigma, rng=rng)
        image = onto_grid(slices, stack, truth.shape)
    else:
        blur = mean_within(inside.astype(np.float32), settings.residual_mm / spacing_mm)
        image = rician(blur(signal * inside), sigma, rng=rng)
    return np.where(inside, image, 0).astype(np.float32)


def bias_field(
    shape: tuple[int, ...], spacing_mm: float, settings: MrSettings, *, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Draw the receive coils' uneven sensitivity.

    Args:
        shape: of the image.
        spacing_mm: edge of a voxel, mm.
        settings: spread and correlation length.
        rng: source of randomness.

    Returns:
        float32 factor whose logarithm has mean 0 and the set standard deviation over the grid.
    """
    field = smooth_noise(rng, shape, settings.bias_mm, np.full(3, spacing_mm))
    return np.exp(settings.bias * (field - field.mean()) / field.std())


def intracranial(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the voxels inside the skull."""
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


def _brain(
    labels: NDArray[np.uint8],
    spacing_zyx: NDArray[np.float64],
    settings: MrSettings,
    ga_weeks: float,
    rng: np.random.Generator | None,
) -> NDArray[np.float32]:
    """Return the noise-free MR of the box around the brain."""
    table = np.zeros(len(Tissue), np.float32)
    for name, value in settings.intensity.items():
        table[Tissue[name.upper()]] = value
    image = table[labels]
    image *= 1 + layers(labels, spacing_zyx, settings.layers, ga_weeks=ga_weeks)
    if rng is not None:
        texture = smooth_noise(rng, labels.shape, settings.texture_mm, spacing_zyx)
        image *= 1 + settings.texture * texture
    # Bone gives no signal: its share of a voxel at the border is dark.
    image = ndimage.gaussian_filter(image, settings.blur_mm / spacing_zyx, mode="constant")
    return np.where(intracranial(labels), image, 0)
