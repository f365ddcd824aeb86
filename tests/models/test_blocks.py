"""The layers that all networks share."""

import pytest
import torch
from torch import nn

from ssus2mri.models.blocks import GROUP, Conv, conv, join, up_conv, widened


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("make", [conv, up_conv])
def test_only_layers_without_normalisation_have_a_bias(make, norm):
    """Table I does not say; counted here are the layers without, whose parameters it has."""
    layer = make(3, 4, norm=norm, activation="relu").double()
    assert layer[0].bias is None
    assert make(3, 4, norm="none", activation="relu")[0].bias is not None
    image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).double()
    without = layer(image)
    layer[0].bias = nn.Parameter(torch.tensor([1.0, -2.0, 3.0, 0.5]).double())
    torch.testing.assert_close(layer(image), without)


def test_unknown_names_list_the_known():
    with pytest.raises(ValueError, match=r"unknown norm 'group'; known: none, batch, instance"):
        conv(1, 1, norm="group", activation="relu")


def test_channels_of_zeros_change_nothing():
    random = torch.Generator().manual_seed(0)
    layer, image = Conv(3, 4, 3, padding=1), torch.rand(2, 3, 8, 8, generator=random)
    wide = nn.functional.pad(image, (0, 0, 0, 0, 0, 5))
    assert torch.allclose(layer(wide), layer(image), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_and_what_is_joined_with_it_lie_channels_last(channels):
    image = torch.rand(2, channels, 8, 8)
    laid = widened(image)
    assert torch.equal(laid, image)
    whole = join(torch.rand(2, 6, 8, 8).to(memory_format=torch.channels_last), laid)
    for features, width in ((laid, channels), (whole, 6 + channels)):
        assert features.stride() == (64 * width, 1, 8 * width, width)


@pytest.mark.parametrize("channels", [2, 3 + GROUP])
def test_channels_that_do_not_fit_are_refused(channels):
    with pytest.raises(RuntimeError, match="channels"):
        Conv(3, 4, 3, padding=1)(torch.zeros(1, channels, 8, 8))
