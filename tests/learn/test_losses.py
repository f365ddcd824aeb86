import math

import pytest
import torch

from ssus2mri.errors import InputError
from ssus2mri.learn import losses


@pytest.mark.parametrize(
    ("form", "discriminator", "generator"),
    [
        # real scores 0.5 and 2, fake scores 0 and -3
        ("lsgan", ((0.25 + 1) / 2 + (0 + 9) / 2) / 2, (1 + 16) / 2),
        (
            "bce",
            (
                math.log(1 + math.exp(-0.5))
                + math.log(1 + math.exp(-2))
                + math.log(2)
                + math.log(1 + math.exp(-3))
            )
            / 4,
            (math.log(2) + math.log(1 + math.exp(3))) / 2,
        ),
        ("hinge", ((0.5 + 0) / 2 + (1 + 0) / 2) / 2, 1.5),
    ],
)
def test_adversarial_losses_by_hand(form, discriminator, generator):
    real, fake = torch.tensor([0.5, 2.0]), torch.tensor([0.0, -3.0])
    assert losses.discriminator_loss(form, real, fake).item() == pytest.approx(discriminator)
    assert losses.generator_loss(form, fake).item() == pytest.approx(generator)


def test_unknown_form():
    with pytest.raises(ValueError, match="known: lsgan, bce, hinge"):
        losses.generator_loss("wasserstein", torch.zeros(1))


def test_the_side_of_a_single_sagittal_slice_is_forgiven():
    predicted = torch.tensor([[0.0, 0.1], [1.0, 0.1], [1.0, 0.5]])
    place = torch.tensor([[0.0, 0.8], [1.0, 0.8], [0.5, 0.4]])
    either_side = torch.tensor([False, True, True])
    # planes are off by 0, 0, 0.5; indices by 0.7, by 0.1 from the other side's 0.2, by 0.1
    expected = (0.5 / 3 + 0.9 / 3) / 2
    assert losses.position_loss(predicted, place, either_side).item() == pytest.approx(expected)
    strict = losses.position_loss(predicted, place, torch.zeros(3, dtype=torch.bool)).item()
    assert strict == pytest.approx(losses.reconstruction_loss(predicted, place).item())


def test_reconstruction_by_hand():
    value = losses.reconstruction_loss(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.25]))
    assert value.item() == pytest.approx(0.625)


def test_weighted_sum_by_hand():
    terms = {"lat": torch.tensor(2.0), "app": torch.tensor(3.0)}
    assert losses.weighted_sum(terms, {"lat": 10.0, "app": 1.0}).item() == 23
    with pytest.raises(ValueError, match="must have"):
        losses.weighted_sum(terms, {"lat": 10.0, "bi": 1.0})


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops(bad):
    losses.require_finite({"lat": 1.0}, 7)
    with pytest.raises(InputError, match=r"loss `app` at step 7.*learning_rate"):
        losses.require_finite({"lat": 1.0, "app": bad}, 7)


def unit(*shape: int) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=random), dim=-1)


def test_patch_contrast_by_hand():
    query = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    key = torch.tensor([[[0.6, 0.8], [0.0, 1.0]]])
    loss = losses.patch_nce(query, key, 0.5).item()
    first, second = math.log(1 + math.exp(-1.2)), math.log(1 + math.exp((0.8 - 1) / 0.5))
    assert loss == pytest.approx((first + second) / 2)


def test_patch_contrast_tells_its_own_patch_from_others():
    query = unit(2, 256, 256)
    assert losses.patch_nce(query, query, 0.07).item() < 1e-3
    alike = query[:, :1].expand_as(query)
    assert losses.patch_nce(query, alike, 0.07).item() == pytest.approx(math.log(256))
    wrong = losses.patch_nce(query, query.roll(1, dims=1), 0.07).item()
    assert wrong > math.log(256)


def test_patch_contrast_stays_within_an_image():
    query = unit(1, 4, 8).expand(3, 4, 8)
    single = losses.patch_nce(query[:1], query[:1], 0.07)
    torch.testing.assert_close(losses.patch_nce(query, query, 0.07), single)
