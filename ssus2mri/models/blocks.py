"""Layers shared by the networks: convolutions with normalisation and activation."""

from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

T = TypeVar("T")

NORMS: dict[str, type[nn.Module] | None] = {
    "none": None,
    "batch": nn.BatchNorm2d,
    "instance": nn.InstanceNorm2d,
}
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
}
OUTPUTS: dict[str, Callable[[Tensor], Tensor]] = {"none": lambda x: x, "sigmoid": torch.sigmoid}
GROUP = 8
"""Channels that the matrix units of a GPU process at a time; fewer cost as much as all."""


class Conv(nn.Conv2d):
    """A convolution whose input may have up to `GROUP` - 1 more channels, all 0; see `widened`."""

    def forward(self, value: Tensor) -> Tensor:
        """Convolve ``(N, channels_in or more, H, W)``."""
        padding = value.shape[1] - self.in_channels
        weight = self.weight
        if 0 < padding < GROUP:
            weight = F.pad(weight, (0, 0, 0, 0, 0, padding))
        return self._conv_forward(value, weight, self.bias)


def conv(
    channels_in: int, channels_out: int, *, norm: str, activation: str, stride: int = 1
) -> nn.Sequential:
    """Make a 3 x 3 convolution, padded by 1, with normalisation and activation.

    Source: TMI 2020, Table I (kernel, channels, stride). Normalisation and activation are not
    stated in the source; they are settings. There is a bias only without normalisation, which
    would cancel it: it would drift with the rounding of its gradient, and cost kernels.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        norm: a key of `NORMS`.
        activation: a key of `ACTIVATIONS`.
        stride: 2 halves the size, rounding up.

    Returns:
        Layer from ``(N, channels_in, H, W)`` to ``(N, channels_out, H / stride, W / stride)``.
    """
    bias = norm == "none"
    layer = Conv(channels_in, channels_out, 3, stride=stride, padding=1, bias=bias)
    return _with_norm(layer, channels_out, norm, activation)


def up_conv(channels_in: int, channels_out: int, *, norm: str, activation: str) -> nn.Sequential:
    """Make a 3 x 3 transposed convolution of stride 2, with normalisation and activation.

    Source: TMI 2020, Table I, "up-conv, 3x3, stride=2". For the bias see `conv`.

    Returns:
        Layer from ``(N, channels_in, H, W)`` to ``(N, channels_out, 2 H, 2 W)``.
    """
    layer = nn.ConvTranspose2d(
        *(channels_in, channels_out, 3),
        stride=2,
        padding=1,
        output_padding=1,
        bias=norm == "none",
    )
    return _with_norm(layer, channels_out, norm, activation)


def _with_norm(layer: nn.Module, channels: int, norm: str, activation: str) -> nn.Sequential:
    make_norm = pick(NORMS, norm, "norm")
    layers = [layer] if make_norm is None else [layer, make_norm(channels, affine=True)]
    # In place: no layer needs its own result for its gradient, so one map fewer is stored.
    return nn.Sequential(*layers, pick(ACTIVATIONS, activation, "activation")(inplace=True))


def pick(table: dict[str, T], name: str, what: str) -> T:
    """Return the entry of a name in a table.

    Raises:
        ValueError: an unknown name; the message lists those in the table.
    """
    if name not in table:
        raise ValueError(f"unknown {what} {name!r}; known: {', '.join(table)}")
    return table[name]


def count_parameters(network: nn.Module) -> int:
    """Count the trainable parameters."""
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def join(*features: Tensor) -> Tensor:
    """Concatenate feature maps ``(N, C, H, W)`` along their channels, in the type of the first."""
    # Under autocast a float32 image would make the widest concatenation float32.
    return torch.cat([feature.to(features[0].dtype) for feature in features], dim=1)


def widened(image: Tensor) -> Tensor:
    """Lay an image out for fast convolutions: channels last, on a GPU a multiple of `GROUP`.

    Args:
        image: ``(N, C, H, W)``, few channels.

    Returns:
        ``(N, C or more, H, W)``; additional channels are 0.
    """
    if image.shape[1] == 1:  # else torch takes it, and its concatenations, for channels first
        image = image[:, 0, ..., None].movedim(-1, 1)
    image = image.contiguous(memory_format=torch.channels_last)
    padding = -image.shape[1] % GROUP if image.is_cuda else 0
    return F.pad(image, (0, 0, 0, 0, 0, padding)) if padding else image


def middle(slices: Tensor) -> Tensor:
    """Return the slice between its neighbours: ``(N, C, H, W)``, C odd, to ``(N, 1, H, W)``."""
    centre = slices.shape[1] // 2
    return slices[:, centre : centre + 1]
