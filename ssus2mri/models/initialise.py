"""First weights: a network and a random generator in, the network changed in place."""

import math

import torch
from torch import nn

from ssus2mri.models.attention import CrossModalAttention


def draw_weights(network: nn.Module, generator: torch.Generator) -> None:
    """Draw all convolution weights anew, without touching the global random state.

    Uniform with variance 1 / fan-in, biases 0; an attention starts as the identity (its last layer
    at 0), because its product is of third order in the features and would drown them. Not stated
    in the source.

    Args:
        network: changed in place, on the CPU.
        generator: where the numbers come from.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            bound = math.sqrt(3.0 / (module.in_channels * math.prod(module.kernel_size)))
            nn.init.uniform_(module.weight, -bound, bound, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, CrossModalAttention):
            nn.init.zeros_(module.eta.weight)
