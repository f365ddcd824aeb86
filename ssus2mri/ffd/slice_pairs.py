"""Free-form deformation of one slice to another, for the evaluation.

The displacement ``u(x)`` (mm) lives on the pixels of the fixed slice: the warped slice at ``x`` is
the moving slice at ``x + u(x)``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ssus2mri.config.deform import FfdSettings
from ssus2mri.ffd.correlation import read
from ssus2mri.ffd.pyramid import register
from ssus2mri.ffd.spline import determinant, displacement

# Not imported from `ssus2mri.measures`: editing a measure must not register everything again.
Slice = NDArray[np.floating]
Mask = NDArray[np.bool_]

BATCH = 32
"""Pairs registered at once: more do not fit into the cache of a CPU."""
# A range below this is no contrast: float16 itself steps by 0.0005 near 1.
_FLAT = 1e-3


@dataclass(frozen=True)
class Registration:
    """The result of a registration.

    ``displacement`` ``(2, H, W)`` float64, mm, along rows first, then along columns;
    ``determinant`` ``(H, W)`` float64, of the Jacobian of ``x + u(x)``; ``warped`` ``(H, W)``
    float32, the moving slice on the fixed one; ``similarity_before`` and ``similarity_after`` are
    `correlation` in the mask.
    """

    displacement: NDArray[np.float64]
    determinant: NDArray[np.float64]
    warped: NDArray[np.float32]
    similarity_before: float
    similarity_after: float


def register_slices(
    moving: Sequence[Slice],
    fixed: Sequence[Slice],
    masks: Sequence[Mask],
    *,
    spacing_mm: float,
    settings: FfdSettings,
) -> list[Registration | None]:
    """Deform slices to others, `BATCH` pairs at a time, in float64 on the CPU.

    Between a slice and itself the displacement is exactly 0. A pair's result does not depend on the
    others; see `pyramid.register`.

    Source: TMI 2020, Sec. IV-B ("FFD-based [42] deformable registration"). Metric, mesh, optimiser
    and stopping are not stated in the source: see section ``register.ffd`` of the configuration.

    Args:
        moving: ``(H, W)`` each, in [0, 1], the synthetic MR.
        fixed: ``(H, W)`` each, in [0, 1], the real MR.
        masks: ``(H, W)`` each, where they are compared.
        spacing_mm: edge of a pixel, mm.
        settings: mesh, optimiser and stopping.

    Returns:
        The deformation of each pair, or None where there is nothing to register: a slice without
        contrast.
    """
    results: list[Registration | None] = [None] * len(moving)
    triples = list(zip(moving, fixed, masks, strict=True))
    contrasted = [
        number for number, (m, f, mask) in enumerate(triples) if not flat(m, mask) | flat(f, mask)
    ]
    for first in range(0, len(contrasted), BATCH):
        chosen = contrasted[first : first + BATCH]
        batch = [np.stack(part) for part in zip(*(triples[n] for n in chosen), strict=True)]
        registered = _register(*batch, spacing_mm=spacing_mm, settings=settings)
        for number, registration in zip(chosen, registered, strict=True):
            results[number] = registration
    return results


def _register(
    moving: Slice, fixed: Slice, mask: Mask, *, spacing_mm: float, settings: FfdSettings
) -> list[Registration | None]:
    # Copied, since rounding in products depends on how the memory of an array is aligned.
    m, f = (torch.tensor(array, dtype=torch.float64) for array in (moving, fixed))
    coefficients, failed = register(
        f, m, torch.from_numpy(mask), spacing_mm=spacing_mm, settings=settings
    )
    size = moving.shape[1:]
    field = displacement(coefficients, size)
    pixels = [torch.arange(edge).to(field) for edge in size]
    read_there, inside = read(m[:, None], field / spacing_mm, pixels)
    warped = (read_there[:, 0] * inside).numpy().astype(np.float32)
    determinants = determinant(coefficients, size, spacing_mm).numpy()
    return [
        None
        if failed[n]
        else Registration(
            displacement=field[n].numpy(),
            determinant=determinants[n],
            warped=warped[n],
            similarity_before=correlation(moving[n], fixed[n], mask[n]),
            similarity_after=correlation(warped[n], fixed[n], mask[n]),
        )
        for n in range(len(moving))
    ]


def flat(image: Slice, mask: Mask) -> bool:
    """Return whether a slice ``(H, W)`` has no contrast within the mask, or the mask is empty."""
    values = image[mask]
    return values.size < 2 or float(values.max()) - float(values.min()) < _FLAT


def correlation(a: Slice, b: Slice, mask: Mask) -> float:
    """Return the Pearson correlation of two slices ``(H, W)`` within the mask; 0 if one is flat."""
    if flat(a, mask) or flat(b, mask):
        return 0.0
    return float(np.corrcoef(a[mask].astype(np.float64), b[mask].astype(np.float64))[0, 1])
