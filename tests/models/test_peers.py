"""Networks of CycleGAN and CUT against their papers, and the pool of fakes."""

import pytest
import torch
from torch import nn

from ssus2mri.learn.objectives.cyclegan import ImagePool
from ssus2mri.models.blocks import count_parameters
from ssus2mri.models.initialise import draw_weights
from ssus2mri.models.patches import PatchDiscriminator, PatchProjector, draw_places
from ssus2mri.models.resnet import ResnetGenerator


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_generator_has_the_layers_of_its_paper():
    with torch.device("meta"):
        network = ResnetGenerator(64, 9)
        layers = [
            (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0], m.padding_mode)
            for m in network.modules()
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
        ]
        assert layers == [
            (1, 64, 7, 1, "reflect"),
            (64, 128, 3, 2, "zeros"),
            (128, 256, 3, 2, "zeros"),
            *[(256, 256, 3, 1, "reflect")] * 18,
            (256, 128, 3, 2, "zeros"),
            (128, 64, 3, 2, "zeros"),
            (64, 1, 7, 1, "reflect"),
        ]
        assert sum(isinstance(m, nn.InstanceNorm2d) for m in network.modules()) == 23
        # Published for three channels in and out: 11.378 M; two fewer of 49 * 64 each way.
        assert count_parameters(network) == 11365633 == 11378179 - 4 * 49 * 64 - 2
        assert network.translate(torch.zeros(2, 1, 160, 160)).shape == (2, 1, 160, 160)
        features = network.encode(torch.zeros(2, 1, 160, 160))
    assert [tuple(level.shape[1:]) for level in features] == [
        (1, 160, 160),
        (128, 80, 80),
        (256, 40, 40),
        (256, 40, 40),
        (256, 40, 40),
    ]
    assert network.tap_channels == [1, 128, 256, 256, 256]
    # Both halvings, first and fifth residual block.
    assert [type(network.layers[tap]).__name__ for tap in network.taps[:2]] == ["Conv2d"] * 2
    blocks = [n for n, m in enumerate(network.layers) if type(m).__name__ == "ResidualBlock"]
    assert network.taps[2:] == [blocks[0], blocks[4]]


def test_discriminator_has_the_layers_of_its_paper():
    network = PatchDiscriminator(64)
    layers = [
        (m.in_channels, m.out_channels, m.kernel_size[0], m.stride[0])
        for m in network.modules()
        if isinstance(m, nn.Conv2d)
    ]
    assert layers == [
        (1, 64, 4, 2),
        (64, 128, 4, 2),
        (128, 256, 4, 2),
        (256, 512, 4, 1),
        (512, 1, 4, 1),
    ]
    assert count_parameters(network) == 2762689  # published for three channels: 2.765 M


def test_discriminator_sees_patches_of_70_pixels():
    network = PatchDiscriminator(2)
    for module in network.modules():  # an instance norm would see the whole image
        if isinstance(module, nn.InstanceNorm2d):
            module.forward = lambda x: x
    image = torch.rand(1, 1, 160, 160, requires_grad=True)
    scores = network(image)
    assert scores.shape == (1, 1, 18, 18)
    scores[0, 0, 9, 9].backward()
    rows = image.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == 70


def test_features_and_translation_come_from_one_pass():
    network = ResnetGenerator(2, 2)
    image = torch.rand(1, 1, 32, 32)
    output, features = network.translate_and_encode(image)
    assert torch.equal(output, network.translate(image))
    assert all(torch.equal(a, b) for a, b in zip(features, network.encode(image), strict=True))
    assert torch.equal(features[0], image)


def test_images_are_signed_inside_only():
    network = ResnetGenerator(2, 2)
    us = torch.rand(1, 3, 32, 32)
    output = network(us, *[us] * 3)
    torch.testing.assert_close(2 * output.mr - 1, network.translate(2 * us[:, 1:2] - 1))
    assert output.position is None


def test_initial_weights_are_those_of_their_paper():
    network = ResnetGenerator(16, 2)
    draw_weights(network, seeded(), std=0.02)
    weights = torch.cat([p.flatten() for n, p in network.named_parameters() if "weight" in n])
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert all((p == 0).all() for n, p in network.named_parameters() if "bias" in n)


def test_projection_is_of_length_1_at_the_places():
    maps = [torch.rand(2, 3, 8, 8), torch.rand(2, 5, 4, 4)]
    network = PatchProjector([3, 5], 6)
    places = draw_places(maps, 20, seeded())
    assert [len(values) for values in places] == [20, 16]
    assert all(len(values.unique()) == len(values) for values in places)
    projected = network(maps, places)
    assert [tuple(values.shape) for values in projected] == [(2, 20, 6), (2, 16, 6)]
    torch.testing.assert_close(projected[0].norm(dim=2), torch.ones(2, 20))
    at = places[0][7]
    alone = network.layers[0](maps[0][1, :, at // 8, at % 8])
    torch.testing.assert_close(projected[0][1, 7], alone / alone.norm())
    assert all(
        torch.equal(a, b) for a, b in zip(draw_places(maps, 20, seeded()), places, strict=True)
    )


def images(first: int, count: int) -> torch.Tensor:
    return torch.arange(first, first + count).float().view(-1, 1, 1, 1)


def test_pool_returns_its_input_until_it_is_full():
    pool, random = ImagePool(4), seeded()
    for first in (0, 2):
        assert torch.equal(pool(images(first, 2), random), images(first, 2))
    assert pool.images.flatten().tolist() == [0, 1, 2, 3]


def test_pool_exchanges_half_of_the_images_and_loses_none():
    pool, random = ImagePool(50), seeded()
    pool(images(0, 50), random)
    output = torch.cat([pool(images(first, 50), random) for first in range(50, 1050, 50)])
    everything = torch.cat([output, pool.images]).flatten()
    assert sorted(everything.tolist()) == list(range(1050))
    kept = (output.flatten() == torch.arange(50, 1050)).float().mean().item()
    assert kept == pytest.approx(0.5, abs=0.05)


def test_empty_pool_returns_its_input():
    pool = ImagePool(0)
    assert torch.equal(pool(images(3, 5), seeded()), images(3, 5))
    assert len(pool.images) == 0


def test_pool_resumes_from_its_state():
    first, second = ImagePool(3), ImagePool(3)
    first(images(0, 5), seeded())
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(images(9, 8), seeded(1)), second(images(9, 8), seeded(1)))
    assert torch.equal(first.images, second.images)
