"""The networks as `torch.compile` makes them, part by part."""

import os
import shutil

from torch import nn

from ssus2mri.errors import InputError
from ssus2mri.models.attention import CrossModalAttention
from ssus2mri.models.discriminator import Discriminator
from ssus2mri.models.edges import EdgeNet
from ssus2mri.models.generator import Decoder, Encoder
from ssus2mri.models.patches import PatchDiscriminator
from ssus2mri.models.resnet import ResidualBlock

PARTS = (
    *(Encoder, Decoder, CrossModalAttention, EdgeNet, Discriminator),
    *(ResidualBlock, PatchDiscriminator),
)
"""What is compiled. Parts of the same layers share the code, which a whole step could not."""
WAYS = 32
"""At most, in which a kind of part is called in a step: sizes, layouts, what needs a gradient. A
discriminator is called in six, and torch would leave off after eight."""


def compile_parts(network: nn.Module) -> None:
    """Have the parts of a network compiled, each when it is first called; names stay the same.

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
            # Sizes are few: code for any size would be slower, and made anew at the second one.
            part.compile(dynamic=False, recompile_limit=WAYS)
