import numpy as np
import pytest
from phantom_evaluate import SPACING, picture, register_settings
from real_mr import abs_log_det, central_determinant, planted, warp
from scipy.stats import spearmanr
from simpleitk_ffd import simpleitk

from ssus2mri.ffd.slice_pairs import register_slices

FFD = register_settings().ffd
STRENGTHS = np.linspace(0.03, 0.3, 10)


@pytest.fixture(scope="module")
def warped():
    """A head warped by fields of rising strength: moving, fixed, masks, strengths."""
    rng = np.random.default_rng(0)
    image, head = picture()
    fields = [
        planted(rng, head, smooth_mm=9.0, strength=strength, spacing_mm=SPACING)
        for strength in STRENGTHS
    ]
    fixed = [warp(image, field, spacing_mm=SPACING) for field in fields]
    masks = [warp(head.astype(float), field, spacing_mm=SPACING) > 0.5 for field in fields]
    true = [
        abs_log_det(central_determinant(field, SPACING), mask)
        for field, mask in zip(fields, masks, strict=True)
    ]
    return [image] * len(fields), fixed, masks, true


def test_agrees_with_simpleitk_and_is_as_alike_afterwards(warped):
    moving, fixed, masks, true = warped

    ours = register_slices(moving, fixed, masks, spacing_mm=SPACING, settings=FFD)
    library = [
        simpleitk(*triple, spacing_mm=SPACING, settings=FFD)
        for triple in zip(moving, fixed, masks, strict=True)
    ]

    measured, reference = (
        [abs_log_det(r.determinant, mask) for r, mask in zip(engine, masks, strict=True)]
        for engine in (ours, library)
    )
    assert spearmanr(measured, reference)[0] >= 0.95
    assert spearmanr(measured, true)[0] >= 0.95
    before, after, library_after = (
        np.mean(values)
        for values in (
            [r.similarity_before for r in ours],
            [r.similarity_after for r in ours],
            [r.similarity_after for r in library],
        )
    )
    assert after > before + 0.05
    assert after >= library_after - 0.01
