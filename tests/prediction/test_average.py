"""The average head, deformed: a known deformation is found, and tissues keep their shares."""

import numpy as np
from phantom_prediction import sections

from ssus2mri.prediction.average import SIZE, SPACING_MM, AverageHead, at_rest, average_head, deform
from ssus2mri.tissues import SHOWN, Tissue

FFD = sections()["predict"].blend.ffd
EDGE, STEP_MM = 48, 1.5


def egg(size: int, step_mm: float, axes_mm: tuple[float, float, float]) -> np.ndarray:
    """Distance from the middle over that of the egg's border, ``[z, y, x]``."""
    axis = (np.arange(size) - (size - 1) / 2) * step_mm
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return np.sqrt((z / axes_mm[0]) ** 2 + (y / axes_mm[1]) ** 2 + (x / axes_mm[2]) ** 2)


def drawn(away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MR and labels of a brain with a core and a skull."""
    mr = np.where(away < 0.5, 0.9, np.where(away < 1, 0.4, 0)).astype(np.float32)
    labels = np.select(
        [away < 0.5, away < 1, away < 1.1], [Tissue.VENTRICLES, Tissue.CORTEX, Tissue.SUTURE], 0
    )
    return mr, labels.astype(np.uint8)


def test_a_wider_head_is_reached():
    head = AverageHead(*drawn(egg(SIZE, SPACING_MM, (24, 27, 20))))
    away = egg(EDGE, STEP_MM, (24, 27, 23))
    mr, labels = drawn(away)
    deformed = deform(head, mr, away < 1, spacing_mm=STEP_MM, settings=FFD)
    assert np.allclose(deformed.tissue.sum(axis=0), 1, atol=1e-5)
    core = SHOWN.index(Tissue.VENTRICLES)
    true = (labels == Tissue.VENTRICLES).sum()
    assert abs(deformed.tissue[core].sum() / true - 1) < 0.1
    assert deformed.tissue[SHOWN.index(Tissue.SKULL)].sum() > 0  # a suture counts as skull
    undeformed = drawn(egg(EDGE, STEP_MM, (24, 27, 20)))[0]
    assert np.abs(deformed.mr - mr)[away < 1].mean() < np.abs(undeformed - mr)[away < 1].mean() / 3


def test_without_contrast_it_stays_as_it_is():
    head = AverageHead(*drawn(egg(SIZE, SPACING_MM, (24, 27, 20))))
    flat = np.zeros((EDGE,) * 3, np.float32)
    deformed = deform(head, flat, flat == 0, spacing_mm=STEP_MM, settings=FFD)
    expected = drawn(egg(EDGE, STEP_MM, (24, 27, 20)))[0]
    assert np.abs(deformed.mr - expected).mean() < 0.01


def test_older_heads_have_more_cortex_and_lie_in_the_middle():
    young, old = average_head(18.3), average_head(29.6)
    for head in (young, old):
        brain = head.mr > 0
        assert abs(np.nonzero(brain)[2].mean() - (SIZE - 1) / 2) < 0.5
    white = [(head.labels == Tissue.VENTRICLES).mean() for head in (young, old)]
    assert white[1] < white[0]  # in heads of one size


def test_an_average_head_on_another_grid():
    head = average_head(23.0)
    same = at_rest(head, SIZE, SPACING_MM)
    assert np.array_equal(same.labels, head.labels)
    assert np.allclose(same.mr, head.mr, atol=1e-6)
    coarse = at_rest(head, SIZE // 2, 2 * SPACING_MM)
    assert np.isclose(coarse.mr.mean(), head.mr.mean(), rtol=0.02)
