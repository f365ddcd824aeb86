"""What each run minimises: its terms, its networks, and where the gradients go."""

from dataclasses import replace

import pytest
import torch
from phantom_learn import CONFIG, batch, settings
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.functional import l1_loss
from torch.utils.flop_counter import FlopCounterMode

from ssus2mri.config.base import load_yaml
from ssus2mri.config.project import run_settings
from ssus2mri.errors import InputError
from ssus2mri.learn.generators import restore
from ssus2mri.learn.losses import weighted_sum
from ssus2mri.learn.objectives.make import make_objective
from ssus2mri.models.locator import scale

RUNS = load_yaml(CONFIG)["runs"]
TRAINED_RUNS = [run for run in RUNS if settings(run).traits.learns]
FORMULAS = {  # terms of the run; those of them with a discriminator
    "ours": (["lat", "app", "stru", "proj", "back_app", "bi"], ["app", "stru", "back_app", "bi"]),
    "no_bilat": (["lat", "app", "stru", "proj", "back_app"], ["app", "stru", "back_app"]),
    "no_struct": (["lat", "app", "proj", "back_app", "bi"], ["app", "back_app", "bi"]),
    "ours_3d_ii": (
        ["lat", "app", "stru", "proj", "back_app", "bi", "index"],
        ["app", "stru", "back_app", "bi"],
    ),
    "ours_match": (
        ["lat", "app", "stru", "proj", "back_app", "bi", "match"],
        ["app", "stru", "back_app", "bi"],
    ),
    "ae": (["lat"], []),
    "gan": (["app"], ["app"]),
    "cyclegan": (["app", "back_app", "cycle", "identity"], ["app", "back_app"]),
    "cut": (["app", "nce", "nce_identity"], ["app"]),
    "paired": (["truth"], []),
}
FORMULAS |= {"no_att": FORMULAS["ours"], "ours_3d_i": FORMULAS["ours"]}
FORMULAS |= {"ours_3d_iii": FORMULAS["ours_3d_ii"]}


def given(run: str, **changes):
    return batch(channels=1 + 2 * settings(run).network.neighbours, **changes)


def test_every_run_has_its_terms_here():
    assert set(TRAINED_RUNS) == set(FORMULAS)
    assert [run for run in RUNS if run not in FORMULAS] == ["copy", "atlas", "matched"]


@pytest.mark.parametrize("run", TRAINED_RUNS)
def test_every_run_makes_a_step(run):
    before = torch.random.get_rng_state()
    made = make_objective(settings(run))
    terms, pairs = made.generator_terms(given(run))
    judged = made.discriminator_terms(pairs)
    assert torch.equal(before, torch.random.get_rng_state())
    names, adversarial = FORMULAS[run]
    assert list(terms) == list(made.weights) == names
    assert set(judged) == {f"d_{name}" for name in adversarial}
    assert set(made.discriminators) == set(adversarial)
    assert all(torch.isfinite(value) for value in (*terms.values(), *judged.values()))
    nothing_is_made_that_does_not_learn(made, terms, judged)


def nothing_is_made_that_does_not_learn(made, terms, judged):
    weighted_sum(terms, made.weights).backward()
    if judged:
        torch.stack(list(judged.values())).sum().backward()
    for network in (made.generator, made.helpers, made.discriminators):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("run", TRAINED_RUNS)
def test_every_run_gives_mr_of_the_same_size(run):
    one = given(run)
    made = make_objective(settings(run)).generator.eval()
    with torch.no_grad():
        found = made(one.us, one.plane, one.index, one.index)
    assert made.channels == one.us.shape[1]
    assert found.mr.shape == one.mr.shape
    assert found.mr.min() >= 0
    assert found.mr.max() <= 1
    assert (found.position is None) == ("index" not in FORMULAS[run][0])
    again = restore(settings(run), made.state_dict())
    assert torch.equal(again(one.us, one.plane, one.index, one.index).mr, found.mr)


@pytest.mark.parametrize("run", ["ours_3d_iii", "cyclegan", "cut"])
def test_a_weight_of_0_skips_term_and_network(run):
    terms = settings(run).traits.terms
    for term in terms:
        made = make_objective(settings(run, weights={"match": 1.0} | {term: 0.0}))
        computed, pairs = made.generator_terms(given(run))
        assert list(computed) == [name for name in terms if name != term]
        assert term not in pairs
        assert term not in made.discriminators
        nothing_is_made_that_does_not_learn(made, computed, made.discriminator_terms(pairs))


@pytest.mark.parametrize("run", ["cyclegan", "cut"])
def test_a_peer_with_an_adversary_only_has_no_helper(run):
    weights = {name: 0.0 for name in settings(run).traits.terms if name != "app"}
    made = make_objective(settings(run, weights=weights))
    assert list(made.generator_terms(given(run))[0]) == ["app"]
    assert not made.helpers


def test_identity_needs_no_way_back():
    made = make_objective(settings("cyclegan", weights={"back_app": 0.0, "cycle": 0.0}))
    assert list(made.generator_terms(given("cyclegan"))[0]) == ["app", "identity"]
    assert not made.helpers


def test_a_run_without_any_term_is_refused():
    with pytest.raises(InputError, match=r"cut: expected for method cut .* app, nce, nce_id"):
        settings("cut", weights={"app": 0.0, "nce": 0.0, "nce_identity": 0.0})


def test_networks_without_a_use_are_not_made():
    gan = make_objective(settings("gan"))
    assert gan.generator.decoder_b is gan.generator.encoder_d is gan.generator.attention is None
    assert make_objective(settings("no_att")).generator.decoder_b is not None
    assert make_objective(settings("ours")).generator.locator is None
    paired = make_objective(settings("paired")).generator
    assert paired.encoder_d is paired.decoder_e is None
    assert paired.attention is not None
    assert len(paired.decoder_b.blocks) == 3  # what the attention reads on the input of dec4


def test_latents_alone_need_no_ultrasound_of_the_way_back():
    latents = make_objective(settings("ours", weights={"proj": 0.0, "back_app": 0.0}))
    assert latents.generator.encoder_d is not None
    assert latents.generator.decoder_e is None
    terms, pairs = latents.generator_terms(given("ours"))
    assert list(terms) == ["lat", "app", "stru", "bi"]
    nothing_is_made_that_does_not_learn(latents, terms, latents.discriminator_terms(pairs))


@pytest.mark.parametrize(("run", "strict"), [("ours_3d_ii", False), ("ours_3d_iii", True)])
def test_only_neighbouring_slices_tell_the_side(run, strict):
    made, one = make_objective(settings(run)), given(run)
    one = replace(one, plane=torch.full_like(one.plane, 2))
    mirrored = replace(one, index=63 - one.index)
    loss = [made.generator_terms(each)[0]["index"].item() for each in (one, mirrored)]
    assert (loss[0] != pytest.approx(loss[1])) == strict


def test_each_term_is_the_loss_of_its_own_images():
    made, one = make_objective(settings("ours_3d_iii")), given("ours_3d_iii")
    generator, judge = made.generator, made.discriminators
    forward = generator.translate(one.us, reconstruct=True)
    back, latent = generator.infer_back(forward.mr)
    terms, pairs = made.generator_terms(one)
    expected = {
        "lat": (forward.us - one.us[:, 1:2]).abs().mean(),
        "app": ((judge["app"](forward.mr) - 1) ** 2).mean(),
        "stru": ((judge["stru"](made.edges(forward.mr)) - 1) ** 2).mean(),
        "proj": (back - one.us[:, 1:2]).abs().mean(),
        "back_app": ((judge["back_app"](back) - 1) ** 2).mean(),
        "bi": ((judge["bi"](latent) - 1) ** 2).mean(),
        "index": (forward.position - scale(one.plane, one.index, 64)).abs().mean(),
    }
    assert {n: v.item() for n, v in terms.items()} == pytest.approx(
        {n: v.item() for n, v in expected.items()}
    )
    for name, (real, fake) in {
        "app": (one.mr, forward.mr),
        "stru": (made.edges(one.mr), made.edges(forward.mr)),
        "back_app": (one.us[:, 1:2], back),
        "bi": (forward.latent, latent),
    }.items():
        torch.testing.assert_close(pairs[name][0], real)
        torch.testing.assert_close(pairs[name][1], fake)


@pytest.mark.parametrize("term", ["app", "stru", "proj", "back_app", "bi"])
def test_the_gradient_of_every_term_reaches_the_synthesis(term):
    made = make_objective(settings())
    made.generator_terms(given("ours"))[0][term].backward()
    assert made.generator.decoder_c.blocks[-1][2].weight.grad.abs().sum() > 0
    assert made.generator.encoder_a.blocks[0][0][0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in made.discriminators.parameters())


def test_the_gradient_of_a_discriminator_stays_in_it():
    made = make_objective(settings())
    made.discriminator_terms(made.generator_terms(given("ours"))[1])["d_stru"].backward()
    assert all(p.grad is not None for p in made.discriminators["stru"].parameters())
    assert all(p.grad is None for p in made.discriminators["app"].parameters())
    assert all(p.grad is None for p in made.generator.parameters())


def test_autoencoder_sees_both_modalities():
    made, one = make_objective(settings("ae", network={"norm": "none"})), given("ae")
    terms, pairs = made.generator_terms(one)
    both = [(made.generator.reconstruct(x) - x).abs().mean().item() for x in (one.us, one.mr)]
    assert terms["lat"].item() == pytest.approx(sum(both) / 2)
    assert not pairs


def test_paired_sees_the_truth():
    made, one = make_objective(settings("paired", network={"norm": "none"})), given("paired")
    wrong = (made.generator(one.us, *[one.us] * 3).mr - one.truth).abs().mean()
    torch.testing.assert_close(made.generator_terms(one)[0]["truth"], wrong)
    with pytest.raises(InputError, match="whose true MR is known"):
        made.generator_terms(replace(one, truth=None))


def test_cyclegan_terms_are_those_of_its_paper():
    made, one = make_objective(settings("cyclegan")), given("cyclegan")
    us, mr = 2 * one.us - 1, 2 * one.mr - 1
    there, back, judge = made.generator.translate, made.back.translate, made.discriminators
    expected = {
        "app": ((judge["app"](there(us)) - 1) ** 2).mean(),
        "back_app": ((judge["back_app"](back(mr)) - 1) ** 2).mean(),
        "cycle": l1_loss(back(there(us)), us) + l1_loss(there(back(mr)), mr),
        "identity": l1_loss(there(mr), mr) + l1_loss(back(us), us),
    }
    terms, pairs = made.generator_terms(one)
    assert {n: v.item() for n, v in terms.items()} == pytest.approx(
        {n: v.item() for n, v in expected.items()}
    )
    assert made.weights == {"app": 1, "back_app": 1, "cycle": 10, "identity": 5}
    torch.testing.assert_close(pairs["app"], (mr, there(us)))
    torch.testing.assert_close(pairs["back_app"], (us, back(mr)))
    assert settings("cyclegan").adversarial == settings("cut").adversarial == "lsgan"


def test_cyclegan_shows_its_discriminators_earlier_fakes():
    made = make_objective(settings("cyclegan"))
    batches = [given("cyclegan", seed=seed) for seed in range(6)]
    shown, fresh = [], []
    for one in batches:
        shown += [made.generator_terms(one)[1]["app"][1]]
        made.memory.eval()  # as for validation
        fresh += [made.generator_terms(one)[1]["app"][1]]
        made.memory.train()
    same = [torch.equal(a, b) for a, b in zip(shown, fresh, strict=True)]
    assert same[0]  # the pool of 3 is not full yet
    assert not all(same)
    assert len(made.memory["app"].images) == 3


def test_the_memory_of_cyclegan_survives_a_resume():
    one, two = make_objective(settings("cyclegan")), make_objective(settings("cyclegan"))
    for seed in range(4):
        one.generator_terms(given("cyclegan", seed=seed))
    two.memory.load_state_dict(one.memory.state_dict())
    last = given("cyclegan", seed=9)
    torch.testing.assert_close(
        one.generator_terms(last)[1], two.generator_terms(last)[1], atol=0, rtol=0
    )


def test_cut_compares_the_same_places():
    """A translator that changes nothing has the least contrast; one of noise about log P."""
    made, one = make_objective(settings("cut", network={"nce": {"features": 32}})), given("cut")
    us = 2 * one.us - 1
    features = made.generator.encode(us)
    random = torch.Generator().manual_seed(0)
    low = made._contrast(us, features, random)
    high = made._contrast(2 * one.mr - 1, features, random)
    assert low < high
    again = [made.generator_terms(one)[0]["nce"].item() for _ in range(2)]
    assert again[0] == again[1]
    other = made.generator_terms(replace(one, seed=7))[0]["nce"].item()
    assert other != again[0]


def test_the_input_of_cut_gets_no_gradient_from_its_keys():
    made, one = make_objective(settings("cut")), given("cut")
    us = (2 * one.us - 1).requires_grad_()
    made._contrast(us.detach(), made.generator.encode(us), torch.Generator()).backward()
    assert us.grad is None


def step_gflop(run: str) -> float:
    """GFLOP an image of a step of both updates at full size, 160 px, counted without running."""
    with FakeTensorMode(), FlopCounterMode(display=False) as counter:
        made, one = make_objective(run_settings(load_yaml(CONFIG), run)), batch(160)
        terms, pairs = made.generator_terms(one)
        weighted_sum(terms, made.weights).backward()
        torch.stack(list(made.discriminator_terms(pairs).values())).sum().backward()
    return counter.get_total_flops() / 2 / 1e9


def test_a_step_of_ours_costs_a_sixth_of_cyclegan():
    assert step_gflop("ours") == pytest.approx(122, rel=0.01)
    assert step_gflop("cyclegan") == pytest.approx(722, rel=0.01)
