"""Fusion of batch normalisation into convolutions, for inference."""

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_CONVOLUTIONS = nn.Conv2d | nn.ConvTranspose2d
_ACTIVATIONS = nn.LeakyReLU | nn.ReLU | nn.ELU
_UNSHARED = _CONVOLUTIONS | nn.BatchNorm2d | nn.InstanceNorm2d  # only the next layer reads them


def fuse_batchnorm(network: nn.Module) -> nn.Module:
    """Fuse every batch normalisation into the convolution before it; activate in place.

    In inference a batch normalisation is a fixed scale and shift of each channel, hence new weights
    of the convolution. The result is the same except for rounding.

    Args:
        network: in evaluation mode; consecutive layers are those of an `nn.Sequential`.
    """
    fused = copy.deepcopy(network)
    for chain in [module for module in fused.modules() if isinstance(module, nn.Sequential)]:
        previous: nn.Module | None = None
        for name, layer in list(chain.named_children()):
            if isinstance(layer, nn.BatchNorm2d) and isinstance(previous, _CONVOLUTIONS):
                transposed = isinstance(previous, nn.ConvTranspose2d)
                convolution = fuse_conv_bn_eval(previous, layer, transpose=transposed)
                previous.weight, previous.bias = convolution.weight, convolution.bias
                setattr(chain, name, nn.Identity())
                continue
            if isinstance(layer, _ACTIVATIONS) and isinstance(previous, _UNSHARED):
                layer.inplace = True
            previous = layer
    return fused
