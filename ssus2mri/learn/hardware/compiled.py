"""Compilation of the networks by `torch.compile`, part by part."""

import os
import shutil

from torch import nn

from ssus2mri.errors import InputError
from ssus2mri.models.attention import CrossModalAttention
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.encoder_decoder import Decoder, Encoder
from ssus2mri.models.patches import PatchDiscriminator
from ssus2mri.models.resnet import ResidualBlock

PARTS = (
    *(Encoder, Decoder, CrossModalAttention, EdgeNet, Discriminator),
    *(ResidualBlock, PatchDiscriminator),
)
"""Modules that are compiled. Those of the same layers share code, which a whole step could not."""
VARIANTS = 32
"""Most variants of a part: by size, layout, and what needs a gradient. A discriminator has six in
a step, and torch would stop compiling after eight."""


def compile_parts(network: nn.Module) -> None:
    """Compile the parts of a network, each at its first call; names in its state stay the same.

    Args:
        network: changed in place. Copies of it are not compiled.

    Raises:
        InputError: there is no C++ compiler.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise InputError(
            "train.compile",
            expected="a C++ compiler, for torch.compile",
            found=f"no {compiler}",
            do="Install one, name it in CXX, or set train.compile to false.",
        )
    for part in network.modules():
        if isinstance(part, PARTS):
            # There are few sizes; code for any size would be slower, and compiled at the second.
            part.compile(dynamic=False, recompile_limit=VARIANTS)
