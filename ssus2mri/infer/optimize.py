"""A trained network in, the same function at a fraction of the cost out."""

import copy
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ssus2mri.infer.roi import Window, WindowedDecoder, WindowedEncoder
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.models.generator import Decoder, Encoder, Synthesis
from ssus2mri.models.locator import Locator


class Infer(Protocol):
    """A model ready for inference."""

    def __call__(
        self,
        us: Tensor,
        plane: Tensor,
        index: Tensor,
        ga_weeks: Tensor,
        window: Window | None = None,
    ) -> Synthesis:
        """Call the model; MR and position are float32.

        Args:
            us: see `Generator.forward`; all tensors on its device.
            plane: the same.
            index: the same.
            ga_weeks: the same.
            window: outside of it the MR may be anything; None: all of it is wanted.
        """


_CONVOLUTIONS = nn.Conv2d | nn.ConvTranspose2d
_ACTIVATIONS = nn.LeakyReLU | nn.ReLU | nn.ELU
_FRESH = _CONVOLUTIONS | nn.BatchNorm2d | nn.InstanceNorm2d  # their results are nobody else's


def fold(network: nn.Module) -> nn.Module:
    """Put every batch normalisation into the convolution before it; activate in place.

    In inference a batch normalisation is a fixed scale and shift of each channel, hence new weights
    of the convolution. The result is the same but for rounding.

    Args:
        network: in evaluation mode; layers that follow each other are those of an `nn.Sequential`.

    Returns:
        A copy.
    """
    folded = copy.deepcopy(network)
    for chain in [module for module in folded.modules() if isinstance(module, nn.Sequential)]:
        before: nn.Module | None = None
        for name, layer in list(chain.named_children()):
            if isinstance(layer, nn.BatchNorm2d) and isinstance(before, _CONVOLUTIONS):
                transposed = isinstance(before, nn.ConvTranspose2d)
                fused = fuse_conv_bn_eval(before, layer, transpose=transposed)
                before.weight, before.bias = fused.weight, fused.bias
                setattr(chain, name, nn.Identity())
                continue
            if isinstance(layer, _ACTIVATIONS) and isinstance(before, _FRESH):
                layer.inplace = True
            before = layer
    return folded


def lean(network: nn.Module, device: torch.device, *, bfloat16: bool) -> Infer:
    """Make a network ready for inference: channels last, and where it pays folded and in bfloat16.

    Args:
        network: called as ``network(us, plane, index, ga_weeks)``, in evaluation mode.
        device: where to compute.
        bfloat16: weights and features in bfloat16, where the hardware computes with it (GPU, CPU
            with AMX); else float32. Positions are computed in float32 always.

    Returns:
        The function.
    """
    with mixed_precision(device, wanted=bfloat16):
        able = torch.is_autocast_enabled(device.type)
    dtype = torch.bfloat16 if able else torch.float32
    # torch adds a convolution's bias on a GPU in a kernel that takes longer than a normalisation.
    ready = (copy.deepcopy if device.type == "cuda" else fold)(network).to(device)
    if able:
        _lower(ready, dtype)
    windowed = _windowed(ready, device)
    ready.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def infer(
        us: Tensor,
        plane: Tensor,
        index: Tensor,
        ga_weeks: Tensor,
        window: Window | None = None,
    ) -> Synthesis:
        for decoder in windowed:
            decoder.window = window
        given = us.to(dtype=dtype, memory_format=torch.channels_last)
        mr, position = ready(given, plane, index, ga_weeks)
        return Synthesis(mr.float(), position)

    return infer


def _windowed(network: nn.Module, device: torch.device) -> list[WindowedDecoder]:
    """Replace encoders and decoders; give the latter, which must be told the window.

    An instance normalisation sees the whole slice, never a window. A GPU would have to wait for
    what an encoder's window depends on.
    """
    made = []
    for name, child in list(network.named_children()):
        if any(isinstance(layer, nn.InstanceNorm2d) for layer in child.modules()):
            continue
        if isinstance(child, Encoder) and device.type == "cpu":
            setattr(network, name, WindowedEncoder(child))
        if isinstance(child, Decoder):
            made.append(WindowedDecoder(child))
            setattr(network, name, made[-1])
    return made


def _lower(module: nn.Module, dtype: torch.dtype) -> None:
    """Change the type of all weights but of what computes in float32."""
    if isinstance(module, Locator | nn.BatchNorm2d):
        return
    for child in module.children():
        _lower(child, dtype)
    for parameter in module.parameters(recurse=False):
        parameter.data = parameter.data.to(dtype)
