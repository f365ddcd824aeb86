"""The terms of the method `simulated`: a value of each by hand, and where each is least."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from phantom_learn import batch, settings

from ssus2mri.errors import InputError
from ssus2mri.learn.data.augment import DRAWS, move
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.learn.objectives.simulated import channels, spread_loss, ssim_loss, tissue_loss
from ssus2mri.measures import ssim
from ssus2mri.tissues import SHOWN, Tissue


def test_ssim_is_that_of_the_evaluation():
    a, b = torch.rand(2, 1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    everywhere = np.ones((40, 40), bool)
    expected = ssim(a[0, 0].numpy(), b[0, 0].numpy(), everywhere)
    assert float(ssim_loss(a, b)) == pytest.approx(1 - expected, abs=0.02)
    assert float(ssim_loss(a, a)) == pytest.approx(0.0, abs=1e-5)


def test_tissue_by_hand():
    count = len(SHOWN)
    target = torch.tensor([[[0, 1]]])
    certain = torch.full((1, count, 1, 2), -30.0)
    certain[0, 0, 0, 0] = certain[0, 1, 0, 1] = 30.0
    assert float(tissue_loss(certain, target)) == pytest.approx(0.0, abs=1e-4)
    even = torch.zeros(1, count, 1, 2)
    # Overlap of each of the two present tissues: 2 / 16 over 1 + 2 / 16.
    expected = np.log(count) + 1 - 2 / count / (2 / count + 1)
    assert float(tissue_loss(even, target)) == pytest.approx(expected, abs=1e-5)


def test_a_pixel_of_a_lesion_counts_thirty_times():
    target = torch.tensor([[[0, SHOWN.index(Tissue.CYST)]]])
    missed = []
    for pixel in (0, 1):
        logits = torch.full((1, len(SHOWN), 1, 2), -30.0)
        logits[0, target[0, 0], 0, [0, 1]] = 30.0
        logits[..., pixel] = 0.0  # all tissues alike
        missed.append(float(tissue_loss(logits, target)))
    # The overlap is the same for both; the weights are 1 and 30 of 31.
    assert missed[1] - missed[0] == pytest.approx(np.log(len(SHOWN)) * (30 - 1) / 31, abs=1e-5)


def test_spread_is_least_where_it_is_the_mean_absolute_error():
    target = torch.full((1, 1, 1, 4), 0.5)
    output = target + torch.tensor([0.1, -0.1, 0.3, -0.3])
    values = {
        spread: float(spread_loss(torch.full_like(target, np.log(spread)), output, target))
        for spread in (0.1, 0.2, 0.4)
    }
    assert min(values, key=values.get) == 0.2
    assert values[0.2] == pytest.approx(1 + np.log(0.2))


def test_spread_does_not_move_the_mr_and_counts_the_brain_only():
    output = torch.rand(1, 1, 4, 4, requires_grad=True)
    target = torch.zeros(1, 1, 4, 4)
    log_spread = torch.zeros(1, 1, 4, 4, requires_grad=True)
    assert spread_loss(log_spread, output, target).item() == 0.0
    spread_loss(log_spread, output, target + 0.5).backward()
    assert output.grad is None
    assert log_spread.grad.abs().sum() > 0


def test_every_label_has_a_channel():
    labels = torch.tensor([[[*Tissue]]])
    numbers = channels(labels)[0, 0]
    for tissue in Tissue:
        expected = SHOWN.index(tissue) if tissue in SHOWN else 0
        expected = SHOWN.index(Tissue.SKULL) if tissue == Tissue.SUTURE else expected
        assert numbers[tissue] == expected


def test_the_model_gives_tissues_and_spread():
    generator = make_objective(settings("simulated")).generator.eval()
    place = torch.zeros(2, dtype=torch.long)
    synthesis = generator(torch.rand(2, 3, 64, 64), place, place, torch.ones(2))
    assert synthesis.tissue.shape == (2, len(SHOWN), 64, 64)
    assert synthesis.log_spread.shape == synthesis.mr.shape == (2, 1, 64, 64)
    assert 0 <= float(synthesis.mr.min()) <= float(synthesis.mr.max()) <= 1


@pytest.mark.parametrize("lacking", ["truth", "labels"])
def test_scans_without_truth_or_labels_are_refused(lacking):
    objective = make_objective(settings("simulated"))
    inputs = replace(batch(channels=3), **{lacking: None})
    with pytest.raises(InputError, match=r"true MR and tissues"):
        objective.generator_terms(inputs)


def test_labels_move_with_their_slices_and_stay_labels():
    labels = torch.zeros(4, 1, 64, 64)
    labels[:, :, 16:48, 24:40] = 12.0
    draws = torch.rand(4, DRAWS, generator=torch.Generator().manual_seed(0))
    plane = torch.zeros(4, dtype=torch.long)
    augment = settings("simulated").augment.model_copy(update={"rotation_deg": 30.0, "shift": 0.1})
    moved = move(labels, plane, draws, augment, nearest=True)
    assert set(moved.unique().tolist()) == {0.0, 12.0}
    assert (moved - move(labels, plane, draws, augment)).abs().mean() < 0.3
    assert (moved - labels).abs().mean() > 0.3
