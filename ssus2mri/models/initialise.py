"""Initial weights of a network."""

import math

import torch
from torch import nn

from ssus2mri.models.attention import CrossModalAttention


def draw_weights(
    network: nn.Module, generator: torch.Generator, *, std: float | None = None
) -> None:
    """Draw all weights, without touching the global random state.

    Uniform with variance 1 / fan-in, biases 0; an attention starts as the identity (its last layer
    at 0), because its product is of third order in the features and would dominate them. Not
    stated in the source.

    Args:
        network: changed in place, on the CPU.
        generator: source of random numbers.
        std: if not None, weights are Gaussian with this standard deviation instead (Zhu et al.,
            ICCV 2017, Sec. 7.1).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            _draw(module, module.in_channels * math.prod(module.kernel_size), generator, std)
        elif isinstance(module, nn.Linear):
            _draw(module, module.in_features, generator, std)
    for module in network.modules():
        if isinstance(module, CrossModalAttention):
            nn.init.zeros_(module.eta.weight)


def _draw(
    layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear,
    fan_in: int,
    generator: torch.Generator,
    std: float | None,
) -> None:
    if std is None:
        bound = math.sqrt(3.0 / fan_in)
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    else:
        nn.init.normal_(layer.weight, 0.0, std, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
