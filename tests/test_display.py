"""The grey scale of ultrasound: the brain fills it, the skull does not decide."""

import numpy as np

from ssus2mri.display import white_level, windowed, within_skull


def head_with_skull() -> tuple[np.ndarray, np.ndarray]:
    """Two slices of a disc: brain from 0 to 0.2, a skull of 1.0 around it, 1 mm pixels."""
    y, x = np.mgrid[:64, :64] - 32
    radius = np.hypot(x, y)
    brain = 0.2 * (x + 24) / 48
    image = np.where(radius < 24, brain, np.where(radius < 28, 1.0, 0.0))
    return np.stack([image, image]), np.stack([radius < 28] * 2)


def test_white_is_the_brightest_of_the_brain() -> None:
    image, head = head_with_skull()
    assert 0.17 < white_level(image, within_skull(head, 1.0)) < 0.2
    shown = windowed(image, head, 1.0)
    assert np.median(shown[0][image[0] < 0.2][shown[0][image[0] < 0.2] > 0]) > 0.45
    assert shown[0, 32, 5] == 1.0  # skull
    assert shown[0, 0, 0] == 0.0
    assert shown.dtype == np.float32


def test_rim_is_in_millimetres() -> None:
    _, head = head_with_skull()
    assert within_skull(head, 1.0)[0, 32].sum() == head[0, 32].sum() - 16
    assert within_skull(head, 2.0)[0, 32].sum() == head[0, 32].sum() - 8


def test_small_or_black_heads_are_shown_all_the_same() -> None:
    head = np.zeros((1, 16, 16), bool)
    head[0, 6:9, 6:9] = True
    assert within_skull(head, 1.0).sum() == 9
    assert windowed(np.zeros((1, 16, 16)), head, 1.0).max() == 0.0
    echo = np.zeros((1, 16, 16))
    echo[0, 0, 0] = 0.5  # outside the head only
    assert windowed(echo, head, 1.0).max() == 1.0
