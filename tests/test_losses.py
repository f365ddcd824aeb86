import math

import pytest
import torch
from phantom_learn import settings

from ssus2mri.errors import InputError
from ssus2mri.learn import losses, objectives
from ssus2mri.learn.methods import objective

US = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))
MR = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(2))
ALL = ["lat", "app", "stru", "proj", "back_app", "bi"]


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


def test_reconstruction_by_hand():
    value = losses.reconstruction_loss(torch.tensor([0.0, 0.5]), torch.tensor([1.0, 0.25]))
    assert value.item() == pytest.approx(0.625)


def test_weighted_sum_by_hand():
    terms = {"lat": torch.tensor(2.0), "app": torch.tensor(3.0)}
    assert losses.weighted_sum(terms, {"lat": 10.0, "app": 1.0}).item() == 23
    with pytest.raises(ValueError, match="must have"):
        losses.weighted_sum(terms, {"lat": 10.0, "bi": 1.0})


def test_weights_must_have_exactly_the_known_names():
    weights = dict.fromkeys(ALL, 1.0)
    assert objectives.active(weights | {"stru": 0.0}) == {n: 1.0 for n in ALL if n != "stru"}
    for wrong in (weights | {"index": 1.0}, {"lat": 1.0}):
        with pytest.raises(ValueError, match="expected exactly"):
            objectives.active(wrong)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_stops(bad):
    losses.require_finite({"lat": 1.0}, 7)
    with pytest.raises(InputError, match=r"loss `app` at step 7.*learning_rate"):
        losses.require_finite({"lat": 1.0, "app": bad}, 7)


def test_all_terms_are_computed_and_named():
    made = objective(settings())
    terms, pairs = made.generator_terms(US, MR)
    judged = made.discriminator_terms(pairs)
    assert list(terms) == ALL
    assert list(judged) == ["d_app", "d_stru", "d_back_app", "d_bi"]


def test_each_term_is_the_loss_of_its_own_images():
    made = objective(settings())
    generator, judge = made.generator, made.discriminators
    forward = generator.translate(US, reconstruct=True)
    back, latent = generator.infer_back(forward.mr)
    terms, pairs = made.generator_terms(US, MR)
    expected = {
        "lat": (forward.us - US).abs().mean(),
        "app": ((judge["app"](forward.mr) - 1) ** 2).mean(),
        "stru": ((judge["stru"](made.edges(forward.mr)) - 1) ** 2).mean(),
        "proj": (back - US).abs().mean(),
        "back_app": ((judge["back_app"](back) - 1) ** 2).mean(),
        "bi": ((judge["bi"](latent) - 1) ** 2).mean(),
    }
    assert {n: v.item() for n, v in terms.items()} == pytest.approx(
        {n: v.item() for n, v in expected.items()}
    )
    for name, (real, fake) in {
        "app": (MR, forward.mr),
        "stru": (made.edges(MR), made.edges(forward.mr)),
        "back_app": (US, back),
        "bi": (forward.latent, latent),
    }.items():
        torch.testing.assert_close(pairs[name][0], real)
        torch.testing.assert_close(pairs[name][1], fake)


@pytest.mark.parametrize("term", ALL)
def test_a_weight_of_0_skips_term_and_network(term):
    made = objective(settings(weights={term: 0.0}))
    terms, pairs = made.generator_terms(US, MR)
    assert list(terms) == [name for name in ALL if name != term]
    assert term not in pairs
    assert term not in made.discriminators


def test_networks_without_a_use_are_not_made():
    gan = objective(settings("gan"))
    assert list(gan.generator_terms(US, MR)[0]) == ["app"]
    assert gan.generator.decoder_b is gan.generator.encoder_d is gan.generator.attention is None
    assert objective(settings("no_att")).generator.decoder_b is not None


@pytest.mark.parametrize("term", ["app", "stru", "proj", "back_app", "bi"])
def test_the_gradient_of_every_term_reaches_the_synthesis(term):
    made = objective(settings())
    made.generator_terms(US, MR)[0][term].backward()
    assert made.generator.decoder_c.blocks[-1][2].weight.grad.abs().sum() > 0
    assert made.generator.encoder_a.blocks[0][0][0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in made.discriminators.parameters())


def test_the_gradient_of_a_discriminator_stays_in_it():
    made = objective(settings())
    judged = made.discriminator_terms(made.generator_terms(US, MR)[1])
    judged["d_stru"].backward()
    assert all(p.grad is not None for p in made.discriminators["stru"].parameters())
    assert all(p.grad is None for p in made.discriminators["app"].parameters())
    assert all(p.grad is None for p in made.generator.parameters())


def test_autoencoder_sees_both_modalities():
    made = objective(settings("ae", network={"norm": "none"}))
    terms, pairs = made.generator_terms(US, MR)
    both = [(made.generator.reconstruct(x) - x).abs().mean().item() for x in (US, MR)]
    assert terms["lat"].item() == pytest.approx(sum(both) / 2)
    assert not pairs
