import numpy as np
import torch
from phantom_evaluate import SPACING, picture, register_settings
from scipy.ndimage import gaussian_filter, map_coordinates

from ssus2mri.ffd.pyramid import register
from ssus2mri.ffd.spline import displacement

FFD = register_settings().ffd


def stack(*arrays):
    return torch.tensor(np.stack(arrays), dtype=torch.float64)


def pictures():
    """Three pairs that need different numbers of steps, and their masks."""
    fixed, head = picture()
    near, also = picture(shift_mm=(1.0, 2.0))
    noise = np.random.default_rng(0).random(fixed.shape) * head
    return (
        stack(fixed, fixed, near),
        stack(near, noise, near),
        torch.tensor(np.stack([head | also, head, also])),
    )


def test_pair_does_not_depend_on_the_others():
    fixed, moving, masks = pictures()

    together, _ = register(fixed, moving, masks, spacing_mm=SPACING, settings=FFD)

    for n in range(len(fixed)):
        alone, _ = register(
            fixed[n : n + 1],
            moving[n : n + 1],
            masks[n : n + 1],
            spacing_mm=SPACING,
            settings=FFD,
        )
        assert torch.allclose(alone[0], together[n], rtol=0, atol=1e-6)
    assert together[0].abs().max() > 0.5
    assert not together[2].any()


def test_nothing_between_the_points_is_a_failure_and_no_success():
    fixed, moving, masks = pictures()
    masks[0] = False
    masks[0, 0, :2] = True

    _, failed = register(fixed, moving, masks, spacing_mm=SPACING, settings=FFD)

    assert failed.tolist() == [True, False, False]


def test_planted_field_of_a_volume_is_recovered():
    rng = np.random.default_rng(0)
    volume = gaussian_filter(rng.standard_normal((24, 28, 26)), 2.0, mode="wrap")
    z, y, x = np.indices(volume.shape) * 2.0
    truth = np.stack([1.5 * np.sin(y / 15), 1.5 * np.cos(x / 15), 1.5 * np.sin(z / 15)])
    fixed = map_coordinates(volume, np.indices(volume.shape) + truth / 2.0, order=1, mode="nearest")
    inner = np.zeros(volume.shape, bool)
    inner[4:-4, 4:-4, 4:-4] = True
    settings = FFD.model_copy(update={"iterations": 20})

    coefficients, failed = register(
        stack(fixed), stack(volume), torch.tensor(inner)[None], spacing_mm=2.0, settings=settings
    )

    field = displacement(coefficients, volume.shape)[0].numpy()
    error = np.linalg.norm(field - truth, axis=0)[inner]
    assert not failed.any()
    assert np.median(np.linalg.norm(truth, axis=0)[inner]) > 1.5
    assert np.median(error) < 0.4
