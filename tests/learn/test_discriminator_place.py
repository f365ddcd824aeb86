"""Discriminators that are told where slices lie."""

import torch
from phantom_learn import batch, settings

from ssus2mri.learn.losses import weighted_sum
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.models.discriminator import PLACE_CHANNELS, with_place


def test_the_maps_say_plane_and_index() -> None:
    images = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    told = with_place(images, torch.tensor([2, 0]), torch.tensor([0, 7]))
    assert told.shape == (2, 1 + PLACE_CHANNELS, 8, 8)
    assert torch.equal(told[:, :1], images)
    assert told[0, 1:4, 3, 5].tolist() == [0, 0, 1]
    assert told[1, 1:4, 3, 5].tolist() == [1, 0, 0]
    assert told[0, 4].unique().tolist() == [-0.875]  # centre of the first of 8 slices
    assert told[1, 4].unique().tolist() == [0.875]


def test_real_and_synthetic_slices_are_judged_at_their_own_places() -> None:
    objective = make_objective(settings("ours", network={"discriminator_place": True}))
    inputs = batch()
    assert not torch.equal(inputs.index, inputs.mr_index)
    terms, pairs = objective.generator_terms(inputs)
    for term in ("app", "stru"):
        real, fake = pairs[term]
        assert torch.equal(real, with_place(real[:, :1], inputs.mr_plane, inputs.mr_index))
        assert torch.equal(fake, with_place(fake[:, :1], inputs.plane, inputs.index))
    real, fake = pairs["back_app"]
    assert torch.equal(real[:, 1:], fake[:, 1:])
    weighted_sum(terms, objective.weights).backward()
    assert objective.generator.encoder_a.blocks[0][0][0].weight.grad.abs().sum() > 0
    assert torch.stack(list(objective.discriminator_terms(pairs).values())).isfinite().all()
