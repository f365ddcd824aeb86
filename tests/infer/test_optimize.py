"""The optimised network has the results of the original."""

import copy

import pytest
import torch
from torch import nn

from ssus2mri.infer.fuse_batchnorm import fuse_batchnorm
from ssus2mri.infer.optimize import optimize_for_inference
from ssus2mri.infer.roi import Roi, bounding_roi
from ssus2mri.models.baselines import Autoencoder, Copy, NearestMr
from ssus2mri.models.encoder_decoder import Shape
from ssus2mri.models.generator import Generator
from ssus2mri.models.initialise import draw_weights
from ssus2mri.models.resnet import ResnetGenerator

CPU = torch.device("cpu")
SIZE = 64


def used(network):
    """A network in evaluation mode, its normalisations not the identity."""
    random = torch.Generator().manual_seed(0)
    draw_weights(network, random)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.running_mean, module.weight.data, module.bias.data):
                tensor.uniform_(-0.3, 0.3, generator=random)
            module.running_var.uniform_(0.2, 2.0, generator=random)
            module.weight.data += 1
    return network.eval().requires_grad_(False)


def generator(norm="batch", *, neighbours=0, locator=(), level=4, activation="leaky_relu"):
    network = Generator(
        Shape(8, 12, (8, 6), norm, activation, "sigmoid"),
        neighbours=neighbours,
        attention_level=level,
        attention_channels=6,
        locator_channels=locator,
        reconstruct=True,
        encode_back=True,
        infer_back=True,
    )
    used(network)
    network.attention.eta.weight.normal_(std=0.2, generator=torch.Generator().manual_seed(1))
    # Grey levels from 0 to 1.
    last = network.decoder_c.blocks[-1][-1]
    logit = network(*batch(network.channels)).mr.logit()
    last.bias.sub_(logit.mean())
    last.bias.mul_(1.5 / logit.std())
    last.weight.mul_(1.5 / logit.std())
    if locator:  # planes and indices from 0 to 1
        network.locator.output.weight.mul_(1000)
    return network


def batch(channels=1, count=3):
    random = torch.Generator().manual_seed(2)
    us = torch.rand(count, channels, SIZE, SIZE, generator=random)
    place = torch.arange(count)
    return us, place % 3, 30 + place, torch.full((count,), 23.0)


def layers(network, kind):
    return [module for module in network.modules() if isinstance(module, kind)]


NETWORKS = {
    "batch norm": generator,
    "elu": lambda: generator(activation="elu"),
    "instance norm": lambda: generator("instance"),
    "no norm": lambda: generator("none"),
    "3D-iii, level 3": lambda: generator(neighbours=1, locator=(6, 5, 4, 4), level=3),
    "autoencoder": lambda: used(Autoencoder(Shape(8, 12, (8, 6), "batch", "relu", "none"))),
    "resnet": lambda: used(ResnetGenerator(8, 3)),
}


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_optimized_network_gives_the_same_results(make):
    network = make()
    inputs = batch(network.channels)
    plain = network(*inputs)

    fast = optimize_for_inference(network, CPU, bfloat16=False)(*inputs)

    assert torch.allclose(fast.mr, plain.mr, rtol=0, atol=2e-5)
    assert (fast.position is None) == (plain.position is None)
    if plain.position is not None:
        assert torch.allclose(fast.position, plain.position, rtol=0, atol=1e-4)


def test_fusion_is_exact_and_leaves_no_normalisation():
    """In double precision, so that a forgotten term cannot hide behind rounding."""
    network = generator().double()
    before = copy.deepcopy(network.state_dict())
    us = batch()[0].double()

    fused = fuse_batchnorm(network)

    assert torch.allclose(
        fused.translate(us, reconstruct=True).us.double(),
        network.translate(us, reconstruct=True).us.double(),
        rtol=0,
        atol=1e-6,
    )
    fused_features, features = fused.encoder_a(us), network.encoder_a(us)
    assert all(
        torch.allclose(a, b, rtol=0, atol=1e-12)
        for a, b in zip(fused_features, features, strict=True)
    )
    fused_guide = fused.decoder_b.start(fused_features, 4)
    guide = network.decoder_b.start(features, 4)
    assert torch.allclose(fused_guide, guide, rtol=0, atol=1e-12)
    assert not layers(fused, nn.BatchNorm2d)
    assert layers(network, nn.BatchNorm2d)
    assert all(torch.equal(before[name], now) for name, now in network.state_dict().items())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_convolutions_fuse_with_and_without_a_bias(kind, bias):
    chain = used(nn.Sequential(kind(2, 3, 3, bias=bias), nn.BatchNorm2d(3), nn.ReLU())).double()
    if bias:
        chain[0].bias.copy_(torch.tensor([0.5, -0.3, 0.2]))
    image = torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(1)).double()

    fused = fuse_batchnorm(chain)

    assert not layers(fused, nn.BatchNorm2d)
    torch.testing.assert_close(fused(image), chain(image))


WINDOWS = {
    "middle": (16, 48, 24, 40),
    "corner": (0, 24, 40, 64),
    "whole": (0, 64, 0, 64),
    "odd": (7, 9, 1, 64),
}


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("kind", ["batch norm", "instance norm", "3D-iii, level 3", "autoencoder"])
def test_region_changes_nothing_within(kind, window):
    network = NETWORKS[kind]()
    inputs = batch(network.channels)
    infer = optimize_for_inference(network, CPU, bfloat16=False)
    inside = (..., slice(*window[:2]), slice(*window[2:]))

    fast = infer(*inputs, Roi(*window))

    assert fast.mr.shape == (3, 1, SIZE, SIZE)
    assert torch.allclose(fast.mr[inside], network(*inputs).mr[inside], rtol=0, atol=2e-5)
    if kind != "instance norm":
        outside = fast.mr.clone()
        outside[inside] = 0
        assert not outside.any()
    assert torch.equal(
        infer(*inputs).mr, optimize_for_inference(network, CPU, bfloat16=False)(*inputs).mr
    )


@pytest.mark.parametrize("box", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("kind", NETWORKS)
def test_black_around_a_head_changes_nothing(kind, box):
    network = NETWORKS[kind]()
    us, *place = batch(network.channels)
    top, bottom, left, right = box
    seen = torch.zeros_like(us)
    seen[0, :, top:bottom, left:right] = 1
    seen[2, -1, top : top + 1, left:right] = 1  # of 3D: seen in the neighbour alone
    plain = network(us * seen, *place).mr

    fast = optimize_for_inference(network, CPU, bfloat16=False)(us * seen, *place).mr

    # An image without any contrast: instance norms make it of nothing but rounding errors.
    compared = [0, 2] if kind == "resnet" else [0, 1, 2]
    assert torch.allclose(fast[compared], plain[compared], rtol=0, atol=2e-5)


def test_region_holds_all_heads():
    heads = torch.zeros(3, SIZE, SIZE, dtype=torch.bool)
    heads[0, 17, 30:33] = True
    heads[2, 40:49, 31] = True
    assert bounding_roi(heads) == (16, 52, 28, 36)
    assert bounding_roi(heads[1:2]) == (0, SIZE, 0, SIZE)
    heads[1, 63, 0] = True
    assert bounding_roi(heads[:, :, :62]) == (16, 64, 0, 36)


def test_input_is_left_as_it_was():
    network, inputs = generator(), batch()
    before = inputs[0].clone()

    optimize_for_inference(network, CPU, bfloat16=False)(*inputs)

    assert torch.equal(inputs[0], before)


@pytest.mark.parametrize(
    "make", [Copy, lambda: NearestMr.empty(4, SIZE, SIZE)], ids=["copy", "atlas"]
)
def test_untrained_models_stay_exact(make):
    model, inputs = make(), batch()
    if isinstance(model, NearestMr):
        model.images.copy_(torch.rand(4, SIZE, SIZE))
        model.plane.copy_(torch.tensor([0, 1, 2, 2]))

    fast = optimize_for_inference(model, CPU, bfloat16=False)(*inputs)

    assert torch.equal(fast.mr, model(*inputs).mr)


@pytest.fixture
def amx(monkeypatch):
    """A CPU that is said to compute with bfloat16; every CPU can, most of them slowly."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})


@pytest.mark.parametrize("kind", ["batch norm", "3D-iii, level 3", "autoencoder", "resnet"])
def test_bfloat16_stays_near(amx, kind):
    """On these phantoms above 40 dB; positions, of bfloat16 features, within a slice of 160."""
    network = NETWORKS[kind]()
    inputs = batch(network.channels)
    plain = network(*inputs)

    fast = optimize_for_inference(network, CPU, bfloat16=True)(*inputs)

    assert fast.mr.dtype == torch.float32
    assert 0 < (fast.mr - plain.mr).square().mean() < 1e-4
    if plain.position is not None:
        assert fast.position.dtype == torch.float32
        assert (fast.position - plain.position).abs().max() < 1 / 159


def test_bfloat16_is_left_alone_where_nothing_computes_with_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    network, inputs = generator(), batch()

    fast = optimize_for_inference(network, CPU, bfloat16=True)(*inputs)

    assert torch.allclose(fast.mr, network(*inputs).mr, rtol=0, atol=1e-5)
