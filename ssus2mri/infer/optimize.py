"""Optimisation of a trained network for inference: fusion, bfloat16, region of interest."""

import copy
from typing import Protocol

import torch
from torch import Tensor, nn

from ssus2mri.infer.fuse_batchnorm import fuse_batchnorm
from ssus2mri.infer.roi import Roi, RoiDecoder, RoiEncoder
from ssus2mri.learn.hardware.device import mixed_precision
from ssus2mri.models.encoder_decoder import Decoder, Encoder
from ssus2mri.models.generator import Synthesis
from ssus2mri.models.locator import Locator


class Infer(Protocol):
    """A model optimised for inference."""

    def __call__(
        self,
        us: Tensor,
        plane: Tensor,
        index: Tensor,
        ga_weeks: Tensor,
        roi: Roi | None = None,
    ) -> Synthesis:
        """Synthesise MR; MR and position are float32.

        Args:
            us: see `Generator.forward`; all tensors are on the model's device.
            plane: the same.
            index: the same.
            ga_weeks: the same.
            roi: outside of it the MR is undefined; None: the whole slice is computed.
        """


def optimize_for_inference(network: nn.Module, device: torch.device, *, bfloat16: bool) -> Infer:
    """Optimise a network for inference: channels last, and where faster fused and in bfloat16.

    Args:
        network: called as ``network(us, plane, index, ga_weeks)``, in evaluation mode.
        device: where to compute.
        bfloat16: whether weights and features are in bfloat16, if the hardware computes with it
            (GPU, CPU with AMX or AVX512-BF16). Positions are always computed in float32.

    Returns:
        A function with the same results except for rounding.
    """
    with mixed_precision(device, wanted=bfloat16):
        supported = torch.is_autocast_enabled(device.type)
    dtype = torch.bfloat16 if supported else torch.float32
    # On a GPU torch adds the bias of a convolution in a kernel slower than a normalisation.
    optimized = (copy.deepcopy if device.type == "cuda" else fuse_batchnorm)(network).to(device)
    if supported:
        _lower_precision(optimized, dtype)
    decoders = _use_roi(optimized, device)
    optimized.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def infer(
        us: Tensor,
        plane: Tensor,
        index: Tensor,
        ga_weeks: Tensor,
        roi: Roi | None = None,
    ) -> Synthesis:
        for decoder in decoders:
            decoder.roi = roi
        images = us.to(dtype=dtype, memory_format=torch.channels_last)
        synthesis: Synthesis = optimized(images, plane, index, ga_weeks)
        return synthesis._replace(mr=synthesis.mr.float())

    return infer


def _use_roi(network: nn.Module, device: torch.device) -> list[RoiDecoder]:
    """Replace encoders and decoders; return the latter, whose region must be set.

    Instance normalisation needs the whole slice. On a GPU, an encoder would have to wait for its
    region, which depends on the image.
    """
    decoders = []
    for name, child in list(network.named_children()):
        if any(isinstance(layer, nn.InstanceNorm2d) for layer in child.modules()):
            continue
        if isinstance(child, Encoder) and device.type == "cpu":
            setattr(network, name, RoiEncoder(child))
        if isinstance(child, Decoder):
            decoders.append(RoiDecoder(child))
            setattr(network, name, decoders[-1])
    return decoders


def _lower_precision(module: nn.Module, dtype: torch.dtype) -> None:
    """Change the type of all weights except where layers compute in float32."""
    if isinstance(module, Locator | nn.BatchNorm2d):
        return
    for child in module.children():
        _lower_precision(child, dtype)
    for parameter in module.parameters(recurse=False):
        parameter.data = parameter.data.to(dtype)
