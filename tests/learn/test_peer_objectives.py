"""What the peers CycleGAN and CUT minimise, and what a step costs beside ours."""

from dataclasses import replace

import pytest
import torch
from conftest import CONFIG
from phantom_learn import batch, run_batch, settings
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import l1_loss
from torch.utils.flop_counter import FlopCounterMode

from ssus2mri.config.base import load_yaml
from ssus2mri.config.project import run_settings
from ssus2mri.learn.losses import weighted_sum
from ssus2mri.learn.objectives.make import make_objective


@pytest.mark.parametrize("run", ["cyclegan", "cut"])
def test_a_peer_with_an_adversary_only_has_no_helper(run):
    weights = {name: 0.0 for name in settings(run).traits.terms if name != "app"}
    objective = make_objective(settings(run, weights=weights))
    assert list(objective.generator_terms(run_batch(run))[0]) == ["app"]
    assert not objective.helpers


def test_identity_needs_no_generator_back():
    objective = make_objective(settings("cyclegan", weights={"back_app": 0.0, "cycle": 0.0}))
    assert list(objective.generator_terms(run_batch("cyclegan"))[0]) == ["app", "identity"]
    assert not objective.helpers


def test_cyclegan_terms_are_those_of_its_paper():
    objective, inputs = make_objective(settings("cyclegan")), run_batch("cyclegan")
    us, mr = 2 * inputs.us - 1, 2 * inputs.mr - 1
    to_mr, to_us = objective.generator.translate, objective.back.translate
    judge = objective.discriminators
    expected = {
        "app": ((judge["app"](to_mr(us)) - 1) ** 2).mean(),
        "back_app": ((judge["back_app"](to_us(mr)) - 1) ** 2).mean(),
        "cycle": l1_loss(to_us(to_mr(us)), us) + l1_loss(to_mr(to_us(mr)), mr),
        "identity": l1_loss(to_mr(mr), mr) + l1_loss(to_us(us), us),
    }
    terms, pairs = objective.generator_terms(inputs)
    assert {n: v.item() for n, v in terms.items()} == pytest.approx(
        {n: v.item() for n, v in expected.items()}
    )
    assert objective.weights == {"app": 1, "back_app": 1, "cycle": 10, "identity": 5}
    torch.testing.assert_close(pairs["app"], (mr, to_mr(us)))
    torch.testing.assert_close(pairs["back_app"], (us, to_us(mr)))
    assert settings("cyclegan").adversarial == settings("cut").adversarial == "lsgan"


def test_cyclegan_shows_its_discriminators_earlier_fakes():
    objective = make_objective(settings("cyclegan"))
    batches = [run_batch("cyclegan", seed=seed) for seed in range(6)]
    shown, fresh = [], []
    for inputs in batches:
        shown += [objective.generator_terms(inputs)[1]["app"][1]]
        objective.memory.eval()  # as for validation
        fresh += [objective.generator_terms(inputs)[1]["app"][1]]
        objective.memory.train()
    same = [torch.equal(a, b) for a, b in zip(shown, fresh, strict=True)]
    assert same[0]  # the pool of 3 is not full yet
    assert not all(same)
    assert len(objective.memory["app"].images) == 3


def test_the_memory_of_cyclegan_survives_a_resume():
    first, second = make_objective(settings("cyclegan")), make_objective(settings("cyclegan"))
    for seed in range(4):
        first.generator_terms(run_batch("cyclegan", seed=seed))
    second.memory.load_state_dict(first.memory.state_dict())
    last = run_batch("cyclegan", seed=9)
    torch.testing.assert_close(
        first.generator_terms(last)[1], second.generator_terms(last)[1], atol=0, rtol=0
    )


def test_cut_compares_the_same_places():
    """A translator that changes nothing has the least contrast; one of noise about log P."""
    objective = make_objective(settings("cut", network={"nce": {"features": 32}}))
    inputs = run_batch("cut")
    us = 2 * inputs.us - 1
    features = objective.generator.encode(us)
    random = torch.Generator().manual_seed(0)
    low = objective._contrast(us, features, random)
    high = objective._contrast(2 * inputs.mr - 1, features, random)
    assert low < high
    again = [objective.generator_terms(inputs)[0]["nce"].item() for _ in range(2)]
    assert again[0] == again[1]
    elsewhere = objective.generator_terms(replace(inputs, seed=7))[0]["nce"].item()
    assert elsewhere != again[0]


def test_the_input_of_cut_gets_no_gradient_from_its_keys():
    objective, inputs = make_objective(settings("cut")), run_batch("cut")
    us = (2 * inputs.us - 1).requires_grad_()
    objective._contrast(us.detach(), objective.generator.encode(us), torch.Generator()).backward()
    assert us.grad is None


def step_gflop(run: str) -> float:
    """GFLOP an image of a step of both updates at full size, 160 px, counted without running."""
    with FakeTensorMode(), FlopCounterMode(display=False) as counter:
        objective, inputs = make_objective(run_settings(load_yaml(CONFIG), run)), batch(160)
        terms, pairs = objective.generator_terms(inputs)
        weighted_sum(terms, objective.weights).backward()
        torch.stack(list(objective.discriminator_terms(pairs).values())).sum().backward()
    return counter.get_total_flops() / 2 / 1e9


@pytest.mark.slow
def test_a_step_of_ours_costs_a_sixth_of_cyclegan():
    assert step_gflop("ours") == pytest.approx(122, rel=0.01)
    assert step_gflop("cyclegan") == pytest.approx(722, rel=0.01)
