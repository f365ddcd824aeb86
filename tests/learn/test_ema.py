"""Average weights come with the statistics that they have themselves."""

import copy

import torch
from phantom_learn import settings, write_cohort
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ssus2mri.learn.data.batches import Batches
from ssus2mri.learn.data.dataset import load
from ssus2mri.learn.ema import recompute_batchnorm, swapped_weights, update_ema
from ssus2mri.learn.hardware.parallel import World
from ssus2mri.learn.objectives.make import make_objective

WORLD = World(torch.device("cpu"))


def prepared(tmp_path, **changes):
    """Return settings, their objective and its batches."""
    chosen = settings(batch_size=4, norm_batches=2, mixed_precision=False, **changes)
    data = load(write_cohort(tmp_path))
    return chosen, make_objective(chosen), Batches(data, chosen, WORLD.device, WORLD, truth=False)


def states(objective) -> dict[str, torch.Tensor]:
    """Copy the state of all networks."""
    networks = nn.ModuleDict(
        {"generator": objective.generator, "discriminators": objective.discriminators}
    )
    return copy.deepcopy(networks.state_dict())


def test_weights_are_averaged_as_torch_does_it(tmp_path):
    _, objective, _ = prepared(tmp_path)
    network, decay = objective.generator, 0.9
    average = copy.deepcopy(network)
    witness = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
    random = torch.Generator().manual_seed(0)
    for step in range(3):
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(torch.randn(weight.shape, generator=random))
        update_ema(average, network, decay if step else 0.0)
        witness.update_parameters(network)
    pairs = zip(average.parameters(), witness.parameters(), strict=True)
    assert all(torch.equal(weight, expected) for weight, expected in pairs)


def test_average_weights_give_the_same_in_inference_as_in_training(tmp_path):
    chosen, objective, batches = prepared(tmp_path)
    average = copy.deepcopy(objective.generator)
    for layer in average.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.fill_(7.0)
            layer.running_var.fill_(100.0)
    before = states(objective)
    recompute_batchnorm(objective, average, batches, chosen)
    after = states(objective)
    assert all(torch.equal(before[name], after[name]) for name in before)

    # Two batches of 4 are all 8 slices once: the first layer's mean is the mean over them.
    us = batches.us.images(torch.arange(len(batches.us)))
    assert len(us) == 8
    first = average.encoder_a.blocks[0][0]
    with torch.no_grad():
        felt = first[0](us)
    mean = felt.mean((0, 2, 3))
    assert torch.allclose(first[1].running_mean, mean, atol=1e-5)
    with torch.no_grad():
        settled = average.eval().translate(us, reconstruct=True)
        trained = average.train().translate(us, reconstruct=True)
    assert (settled.mr - trained.mr).abs().mean() < 0.02
    assert (settled.us - trained.us).abs().mean() < 0.02


def test_the_rate_of_the_running_statistics_is_put_back(tmp_path):
    chosen, objective, batches = prepared(tmp_path)
    recompute_batchnorm(objective, copy.deepcopy(objective.generator), batches, chosen)
    momenta = {
        layer.momentum for layer in objective.generator.modules() if hasattr(layer, "momentum")
    }
    assert momenta == {0.1}
    assert objective.generator.training


def test_without_batch_normalisation_nothing_is_run(tmp_path, monkeypatch):
    chosen, objective, batches = prepared(tmp_path, network={"norm": "instance"})
    monkeypatch.setattr(objective, "generator_terms", lambda batch: 1 / 0)
    recompute_batchnorm(objective, copy.deepcopy(objective.generator), batches, chosen)


def test_swapped_weights_are_restored(tmp_path):
    _, objective, _ = prepared(tmp_path)
    average = copy.deepcopy(objective.generator)
    with torch.no_grad():
        for weight in average.parameters():
            weight.add_(1.0)
    before = states(objective)
    with swapped_weights(objective, average):
        assert not objective.generator.training
        name, value = next(iter(objective.generator.state_dict().items()))
        assert torch.equal(value, average.state_dict()[name])
    assert objective.generator.training
    after = states(objective)
    assert all(torch.equal(before[name], after[name]) for name in before)
