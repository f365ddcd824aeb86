import pytest
import torch
from torch import nn

from ssus2mri.errors import InputError
from ssus2mri.models.attention import CrossModalAttention, attend
from ssus2mri.models.baselines import Atlas, Copy
from ssus2mri.models.blocks import conv, count_parameters
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.generator import Decoder, Encoder, Generator, Shape
from ssus2mri.models.initialise import draw_weights

TABLE_1 = Shape(48, 96, (64, 32), norm="none", activation="relu", output="none")
SMALL = Shape(2, 4, (3, 2), norm="none", activation="relu", output="none")


def layers(network):
    """Give (input channels, output channels, kernel, stride, parameters) of every convolution."""
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
    given = {"attention_channels": 72, "reconstruct": True, "infer_back": True} | changes
    return Generator(shape, attention_level=level, **given)


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
    lean = generator(level=0, reconstruct=False, infer_back=False)
    assert count_parameters(lean) == encoder + decoder


@pytest.mark.parametrize("size", [160, 96, 64])
def test_output_shapes(size):
    network = generator(SMALL, attention_channels=3)
    made = network.translate(torch.rand(2, 1, size, size), reconstruct=True)
    back, latent = network.infer_back(made.mr)
    assert made.mr.shape == made.us.shape == back.shape == (2, 1, size, size)
    assert made.latent.shape == latent.shape == (2, 2, size // 32, size // 32)


@pytest.mark.parametrize("level", [3, 4, 5])
def test_attention_sits_between_the_decoders(level):
    """MR depends on decoder B's early blocks only, and on nothing of B without attention."""
    shape = Shape(2, 4, (3, 2), norm="instance", activation="elu", output="none")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = generator(shape, level=level, attention_channels=3)
    us = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    network(us, *[torch.zeros(1)] * 3).sum().backward()
    read = [
        any(p.grad is not None for p in block.parameters()) for block in network.decoder_b.blocks
    ]
    assert read == [number < level for number in range(1, 7)]


def test_inference_gives_what_training_gives():
    network = generator(SMALL, attention_channels=3)
    us = torch.rand(1, 1, 64, 64)
    assert torch.equal(network(us, *[us] * 3), network.translate(us, reconstruct=True).mr)


def test_both_orders_of_the_product_agree():
    random = torch.Generator().manual_seed(0)
    delta, phi, g = (torch.randn(2, 5, 30, generator=random) for _ in range(3))
    right = attend(delta, phi, g)
    torch.testing.assert_close(right, attend(delta, phi, g, right_to_left=False), atol=1e-5, rtol=0)
    by_hand = torch.einsum("bcn,bcm,bdm->bdn", delta, phi, g) / 30
    torch.testing.assert_close(right, by_hand, atol=1e-5, rtol=0)


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


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"unknown norm 'group'; known: none, batch, instance"):
        conv(1, 1, norm="group", activation="relu")


def test_backward_path_must_exist():
    with pytest.raises(ValueError, match="without a backward path"):
        generator(SMALL, infer_back=False).infer_back(torch.zeros(1, 1, 64, 64))


def test_weights_come_from_the_generator_alone():
    before = torch.random.get_rng_state()
    one, two = Encoder(1, SMALL), Encoder(1, SMALL)
    torch.random.set_rng_state(before)
    for network in (one, two):
        draw_weights(network, torch.Generator().manual_seed(3))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def atlas():
    """Three volumes; every slice is filled with its own number."""
    return Atlas(
        torch.arange(5).view(5, 1, 1).expand(5, 2, 2).to(torch.float16),
        plane=torch.tensor([0, 0, 1, 0, 0], dtype=torch.uint8),
        index=torch.tensor([10, 20, 10, 10, 30], dtype=torch.int16),
        ga_weeks=torch.tensor([22.0, 22.0, 22.0, 24.0, 24.0]),
    )


@pytest.mark.parametrize(
    ("plane", "index", "ga_weeks", "found"),
    [(0, 10, 22.1, 0), (0, 19, 20.0, 1), (1, 99, 30.0, 2), (0, 10, 23.9, 3), (0, 20.5, 24.0, 4)],
)
def test_atlas_gives_the_slice_at_the_same_place(plane, index, ga_weeks, found):
    us = torch.zeros(1, 1, 2, 2)
    made = atlas()(us, torch.tensor([plane]), torch.tensor([index]), torch.tensor([ga_weeks]))
    assert made.shape == us.shape
    assert made.unique().tolist() == [found]


def test_atlas_lacks_a_plane():
    with pytest.raises(InputError, match="none for sagittal"):
        atlas()(torch.zeros(1, 1, 2, 2), *(torch.tensor([2]),) * 3)


def test_copy():
    us = torch.rand(2, 1, 4, 4)
    assert torch.equal(Copy()(us, *[us] * 3), us)
