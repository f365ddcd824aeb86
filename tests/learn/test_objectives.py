"""What each run minimises: its terms, its networks, and where the gradients go."""

from dataclasses import replace

import pytest
import torch
from conftest import CONFIG
from phantom_learn import run_batch, settings

from ssus2mri.config.base import load_yaml
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
    "simulated": (["truth", "ssim", "tissue", "spread"], []),
}
FORMULAS |= {"no_att": FORMULAS["ours"], "ours_3d_i": FORMULAS["ours"]}
FORMULAS |= {"ours_adapted": FORMULAS["ours"]}
FORMULAS |= {"ours_3d_iii": FORMULAS["ours_3d_ii"]}


def test_every_run_has_its_terms_here():
    assert set(TRAINED_RUNS) == set(FORMULAS)
    assert [run for run in RUNS if run not in FORMULAS] == ["copy", "atlas", "matched"]


@pytest.mark.parametrize("run", TRAINED_RUNS)
def test_every_run_makes_a_step(run):
    before = torch.random.get_rng_state()
    objective = make_objective(settings(run))
    terms, pairs = objective.generator_terms(run_batch(run))
    judged = objective.discriminator_terms(pairs)
    assert torch.equal(before, torch.random.get_rng_state())
    names, adversarial = FORMULAS[run]
    assert list(terms) == list(objective.weights) == names
    assert set(judged) == {f"d_{name}" for name in adversarial}
    assert set(objective.discriminators) == set(adversarial)
    assert all(torch.isfinite(value) for value in (*terms.values(), *judged.values()))
    require_gradients(objective, terms, judged)


def require_gradients(objective, terms, judged):
    weighted_sum(terms, objective.weights).backward()
    if judged:
        torch.stack(list(judged.values())).sum().backward()
    for network in (objective.generator, objective.helpers, objective.discriminators):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("run", TRAINED_RUNS)
def test_every_run_gives_mr_of_the_same_size(run):
    inputs = run_batch(run)
    generator = make_objective(settings(run)).generator.eval()
    with torch.no_grad():
        synthesis = generator(inputs.us, inputs.plane, inputs.index, inputs.index)
    assert generator.channels == inputs.us.shape[1]
    assert synthesis.mr.shape == inputs.mr.shape
    assert synthesis.mr.min() >= 0
    assert synthesis.mr.max() <= 1
    assert (synthesis.position is None) == ("index" not in FORMULAS[run][0])
    again = restore(settings(run), generator.state_dict())
    assert torch.equal(again(inputs.us, inputs.plane, inputs.index, inputs.index).mr, synthesis.mr)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["ours_3d_iii", "cyclegan", "cut"])
def test_a_weight_of_0_skips_term_and_network(run):
    terms = settings(run).traits.terms
    for term in terms:
        objective = make_objective(settings(run, weights={"match": 1.0} | {term: 0.0}))
        computed, pairs = objective.generator_terms(run_batch(run))
        assert list(computed) == [name for name in terms if name != term]
        assert term not in pairs
        assert term not in objective.discriminators
        require_gradients(objective, computed, objective.discriminator_terms(pairs))


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


def test_latents_alone_need_no_decoder_e():
    latents = make_objective(settings("ours", weights={"proj": 0.0, "back_app": 0.0}))
    assert latents.generator.encoder_d is not None
    assert latents.generator.decoder_e is None
    terms, pairs = latents.generator_terms(run_batch("ours"))
    assert list(terms) == ["lat", "app", "stru", "bi"]
    require_gradients(latents, terms, latents.discriminator_terms(pairs))


@pytest.mark.parametrize(("run", "strict"), [("ours_3d_ii", False), ("ours_3d_iii", True)])
def test_only_neighbouring_slices_tell_the_side(run, strict):
    objective, inputs = make_objective(settings(run)), run_batch(run)
    inputs = replace(inputs, plane=torch.full_like(inputs.plane, 2))
    mirrored = replace(inputs, index=63 - inputs.index)
    loss = [objective.generator_terms(each)[0]["index"].item() for each in (inputs, mirrored)]
    assert (loss[0] != pytest.approx(loss[1])) == strict


def test_each_term_is_the_loss_of_its_own_images():
    objective, inputs = make_objective(settings("ours_3d_iii")), run_batch("ours_3d_iii")
    generator, judge = objective.generator, objective.discriminators
    forward = generator.translate(inputs.us, reconstruct=True)
    back, latent = generator.infer_back(forward.mr)
    terms, pairs = objective.generator_terms(inputs)
    expected = {
        "lat": (forward.us - inputs.us[:, 1:2]).abs().mean(),
        "app": ((judge["app"](forward.mr) - 1) ** 2).mean(),
        "stru": ((judge["stru"](objective.edges(forward.mr)) - 1) ** 2).mean(),
        "proj": (back - inputs.us[:, 1:2]).abs().mean(),
        "back_app": ((judge["back_app"](back) - 1) ** 2).mean(),
        "bi": ((judge["bi"](latent) - 1) ** 2).mean(),
        "index": (forward.position - scale(inputs.plane, inputs.index, 64)).abs().mean(),
    }
    assert {n: v.item() for n, v in terms.items()} == pytest.approx(
        {n: v.item() for n, v in expected.items()}
    )
    for name, (real, fake) in {
        "app": (inputs.mr, forward.mr),
        "stru": (objective.edges(inputs.mr), objective.edges(forward.mr)),
        "back_app": (inputs.us[:, 1:2], back),
        "bi": (forward.latent, latent),
    }.items():
        torch.testing.assert_close(pairs[name][0], real)
        torch.testing.assert_close(pairs[name][1], fake)


@pytest.mark.parametrize("term", ["app", "stru", "proj", "back_app", "bi"])
def test_the_gradient_of_every_term_reaches_the_synthesis(term):
    objective = make_objective(settings())
    objective.generator_terms(run_batch("ours"))[0][term].backward()
    assert objective.generator.decoder_c.blocks[-1][2].weight.grad.abs().sum() > 0
    assert objective.generator.encoder_a.blocks[0][0][0].weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in objective.discriminators.parameters())


def test_the_gradient_of_a_discriminator_stays_in_it():
    objective = make_objective(settings())
    _, pairs = objective.generator_terms(run_batch("ours"))
    objective.discriminator_terms(pairs)["d_stru"].backward()
    assert all(p.grad is not None for p in objective.discriminators["stru"].parameters())
    assert all(p.grad is None for p in objective.discriminators["app"].parameters())
    assert all(p.grad is None for p in objective.generator.parameters())


def test_autoencoder_sees_both_modalities():
    objective, inputs = make_objective(settings("ae", network={"norm": "none"})), run_batch("ae")
    terms, pairs = objective.generator_terms(inputs)
    both = [
        (objective.generator.reconstruct(x) - x).abs().mean().item() for x in (inputs.us, inputs.mr)
    ]
    assert terms["lat"].item() == pytest.approx(sum(both) / 2)
    assert not pairs


def test_paired_sees_the_truth():
    objective = make_objective(settings("paired", network={"norm": "none"}))
    inputs = run_batch("paired")
    wrong = (objective.generator(inputs.us, *[inputs.us] * 3).mr - inputs.truth).abs().mean()
    torch.testing.assert_close(objective.generator_terms(inputs)[0]["truth"], wrong)
    with pytest.raises(InputError, match="whose true MR is known"):
        objective.generator_terms(replace(inputs, truth=None))
