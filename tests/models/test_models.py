import pytest
import torch
from torch import nn

from ssus2mri.errors import InputError
from ssus2mri.models.attention import CrossModalAttention, attend
from ssus2mri.models.baselines import Autoencoder, Copy, NearestMr
from ssus2mri.models.blocks import count_parameters, middle
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.encoder_decoder import Decoder, Encoder, Shape
from ssus2mri.models.generator import Generator
from ssus2mri.models.initialise import draw_weights
from ssus2mri.models.locator import Locator, read, scale

TABLE_1 = Shape(48, 96, (64, 32), norm="none", activation="relu", output="none")
SMALL = Shape(2, 4, (3, 2), norm="none", activation="relu", output="none")


def layers(network):
    """Return (channels in, channels out, kernel, stride, parameters) of every convolution."""
    return [
        (
            m.in_channels,
            m.out_channels,
            m.kernel_size[0],
            m.stride[0],
            sum(p.numel() for p in m.parameters()),
        )
        for m in network.modules()
        if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)
    ]


def generator(shape=TABLE_1, level=4, **changes):
    inputs = {
        "neighbours": 0,
        "attention_channels": 72,
        "locator_channels": (),
        "reconstruct": True,
        "encode_back": True,
        "infer_back": True,
    }
    return Generator(shape, attention_level=level, **(inputs | changes))


def test_encoder_has_the_layers_of_table_1():
    assert layers(Encoder(1, TABLE_1)) == [
        (1, 48, 3, 1, 480),
        (48, 48, 3, 1, 20784),
        (48, 48, 3, 1, 20784),
        (48, 48, 3, 1, 20784),
        (48, 48, 3, 1, 20784),
        (48, 48, 3, 1, 20784),
    ]


def test_decoder_has_the_layers_of_table_1():
    level = [(144, 96, 3, 1, 124512), (96, 96, 3, 1, 83040), (96, 96, 3, 2, 83040)]
    assert layers(Decoder(1, 1, TABLE_1)) == [
        *[(48, 48, 3, 1, 20784), (48, 48, 3, 2, 20784)],
        *[(96, 96, 3, 1, 83040), (96, 96, 3, 1, 83040), (96, 96, 3, 2, 83040)],
        *(level * 3),
        *[(97, 64, 3, 1, 55936), (64, 32, 3, 1, 18464), (32, 1, 3, 1, 289)],
    ]


def test_attention_has_the_layers_of_table_1():
    into, out = (144, 72, 1, 1, 10440), (72, 144, 1, 1, 10512)
    assert layers(CrossModalAttention(144, 72)) == [into, into, into, out]


def test_discriminator_has_the_layers_of_table_1():
    assert layers(Discriminator(1, [64, 128, 256, 512], norm="none", activation="relu")) == [
        (1, 64, 3, 2, 640),
        (64, 128, 3, 2, 73856),
        (128, 256, 3, 2, 295168),
        (256, 512, 3, 1, 1180160),
        (512, 1, 3, 1, 4609),
    ]


def test_generator_adds_up():
    encoder, decoder, attention = 104400, 1237153, 41832
    assert count_parameters(generator()) == 2 * encoder + 3 * decoder + attention
    assert count_parameters(generator(level=0)) == 2 * encoder + 3 * decoder
    smallest = generator(level=0, reconstruct=False, encode_back=False, infer_back=False)
    assert count_parameters(smallest) == encoder + decoder
    assert count_parameters(generator(level=0, infer_back=False)) == 2 * encoder + 2 * decoder
    locator = 20784 + (48 * 32 * 9 + 32) + (32 * 16 * 9 + 16) + (16 * 4 * 9 + 4) + 34
    result = generator(level=0, locator_channels=(48, 32, 16, 4))
    assert count_parameters(result) == 2 * encoder + 3 * decoder + locator
    # Two more images for enc1 of A, and for dec6 of B and C, which read the same input.
    wide = count_parameters(generator(neighbours=1)) - count_parameters(generator())
    assert wide == 2 * 9 * 48 + 2 * (2 * 9 * 64)


def test_locator_has_the_layers_of_table_1():
    network = Locator(48, (48, 32, 16, 4), activation="relu")
    assert layers(network) == [
        (48, 48, 3, 2, 20784),
        (48, 32, 3, 2, 13856),
        (32, 16, 3, 1, 4624),
        (16, 4, 3, 1, 580),
    ]
    assert (network.output.in_features, network.output.out_features) == (16, 2)
    assert network.layers(torch.zeros(1, 48, 5, 5)).shape == (1, 4, 2, 2)


def test_no_channel_of_the_locators_last_map_can_die():
    """Of four channels behind a ReLU those that are negative everywhere would never learn again."""
    network = Locator(48, (48, 32, 16, 4), activation="relu")
    draw_weights(network, torch.Generator().manual_seed(0))
    nn.init.constant_(network.layers[-1].bias, -100.0)
    latents = torch.rand(2, 48, 5, 5, generator=torch.Generator().manual_seed(1))
    first, second = network(latents)
    assert not torch.equal(first, second)
    (first - second).abs().sum().backward()
    assert (network.layers[-1].weight.grad.flatten(1).abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_locator_takes_latents_of_any_size(size):
    network = Locator(3, (3, 2, 2, 4), activation="relu")
    assert network(torch.rand(2, 3, size, size)).shape == (2, 2)


def test_a_position_is_read_as_it_was_scaled():
    plane, index = torch.tensor([0, 1, 2, 2]), torch.tensor([0, 80, 159, 1])
    place = scale(plane, index, 160)
    assert place[:, 0].tolist() == [0, 0.5, 1, 1]
    assert place[2, 1] == 1
    result = read(place, 160)
    assert torch.equal(result[0], plane)
    torch.testing.assert_close(result[1], index.float())
    rough = read(torch.tensor([[-0.3, 1.2], [0.74, 0.5]]), 160)
    assert rough[0].tolist() == [0, 1]
    assert rough[1].tolist() == [159, 79.5]


def test_neighbours_are_read_and_the_middle_slice_is_given():
    network = generator(SMALL, neighbours=1, attention_channels=3, locator_channels=(3, 2, 2, 2))
    draw_weights(network, torch.Generator().manual_seed(0))
    assert network.channels == 3
    us = torch.rand(1, 3, 64, 64, requires_grad=True)
    output = network(us, *[torch.zeros(1)] * 3)
    assert output.mr.shape == (1, 1, 64, 64)
    assert output.position.shape == (1, 2)
    output.mr.sum().backward()
    assert all(us.grad[0, number].abs().sum() > 0 for number in range(3))
    assert generator(SMALL)(us[:, 1:2], *[us] * 3).position is None
    assert torch.equal(middle(us), us[:, 1:2])


@pytest.mark.parametrize("size", [160, 96, 64])
def test_output_shapes(size):
    network = generator(SMALL, attention_channels=3)
    output = network.translate(torch.rand(2, 1, size, size), reconstruct=True)
    back, latent = network.infer_back(output.mr)
    assert output.mr.shape == output.us.shape == back.shape == (2, 1, size, size)
    assert output.latent.shape == latent.shape == (2, 2, size // 32, size // 32)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_attention_sits_between_the_decoders(level):
    """MR depends on decoder B's early blocks only, and on nothing of B without attention."""
    shape = Shape(2, 4, (3, 2), norm="instance", activation="elu", output="none")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = generator(shape, level=level, attention_channels=3)
    us = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    network(us, *[torch.zeros(1)] * 3).mr.sum().backward()
    used = [
        any(p.grad is not None for p in block.parameters()) for block in network.decoder_b.blocks
    ]
    assert used == [number < level for number in range(1, 7)]


def test_inference_gives_what_training_gives():
    network = generator(SMALL, attention_channels=3)
    us = torch.rand(1, 1, 64, 64)
    assert torch.equal(network(us, *[us] * 3).mr, network.translate(us, reconstruct=True).mr)


def test_the_product_by_hand():
    random = torch.Generator().manual_seed(0)
    delta, phi, g = (torch.randn(2, 5, 30, generator=random) for _ in range(3))
    by_hand = torch.einsum("bcn,bcm,bdm->bdn", delta, phi, g) / 30
    torch.testing.assert_close(attend(delta, phi, g), by_hand, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("level", "edge"), [(3, 20), (4, 40), (5, 80)])
def test_the_attention_reads_the_level_it_is_told(level, edge):
    """At 160 px, the size of the paper's slices, without computing them."""
    with torch.device("meta"):
        network = generator(level=level, reconstruct=False, encode_back=False, infer_back=False)
        seen = []
        network.attention.register_forward_hook(
            lambda _, inputs, output: seen.append(inputs[0].shape)
        )
        network(torch.zeros(1, 1, 160, 160), *[torch.zeros(1)] * 3)
    assert seen == [(1, 144, edge, edge)]


def test_attention_starts_from_the_mr_features():
    network = CrossModalAttention(4, 2)
    nn.init.zeros_(network.eta.weight)
    nn.init.zeros_(network.eta.bias)
    us, mr = torch.rand(1, 4, 3, 5), torch.rand(1, 4, 3, 5)
    assert torch.equal(network(us, mr), mr)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_discriminator_takes_small_latents(size):
    network = Discriminator(3, [2, 2, 2, 2], norm="none", activation="relu")
    assert network(torch.rand(1, 3, size, size)).shape == (1, 1, 1, 1)


def test_backward_path_must_exist():
    with pytest.raises(ValueError, match="no backward path"):
        generator(SMALL, encode_back=False).infer_back(torch.zeros(1, 1, 64, 64))


def test_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    first, second = Encoder(1, SMALL), Encoder(1, SMALL)
    torch.random.set_rng_state(before)
    for network in (first, second):
        draw_weights(network, torch.Generator().manual_seed(3))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )


def atlas():
    """Three volumes; every slice is filled with its own number."""
    return NearestMr(
        torch.arange(5).view(5, 1, 1).expand(5, 2, 2).to(torch.float16),
        plane=torch.tensor([0, 0, 1, 0, 0], dtype=torch.uint8),
        index=torch.tensor([10, 20, 10, 10, 30], dtype=torch.int16),
        ga_weeks=torch.tensor([22.0, 22.0, 22.0, 24.0, 24.0]),
    )


@pytest.mark.parametrize(
    ("plane", "index", "ga_weeks", "value"),
    [(0, 10, 22.1, 0), (0, 19, 20.0, 1), (1, 99, 30.0, 2), (0, 10, 23.9, 3), (0, 20.5, 24.0, 4)],
)
def test_atlas_gives_the_slice_at_the_same_place(plane, index, ga_weeks, value):
    us = torch.zeros(1, 1, 2, 2)
    output = atlas()(us, torch.tensor([plane]), torch.tensor([index]), torch.tensor([ga_weeks]))
    assert output.mr.shape == us.shape
    assert output.mr.unique().tolist() == [value]


def test_atlas_lacks_a_plane():
    with pytest.raises(InputError, match="none for sagittal"):
        atlas()(torch.zeros(1, 1, 2, 2), *(torch.tensor([2]),) * 3)


def test_copy():
    us = torch.rand(2, 1, 4, 4)
    assert torch.equal(Copy()(us, *[us] * 3).mr, us)


@pytest.mark.parametrize("network", [Copy(), Autoencoder(SMALL)])
def test_models_of_one_slice_take_it_from_between_its_neighbours(network):
    us = torch.rand(1, 3, 32, 32)
    alone = network(us[:, 1:2], *[us] * 3)
    assert torch.equal(network(us, *[us] * 3).mr, alone.mr)
    assert network.channels == 1
