"""Reference models with the generator's interface: autoencoder, copy of the US, atlas MR."""

import numpy as np
import torch
from torch import Tensor, nn

from ssus2mri.errors import InputError
from ssus2mri.models.blocks import middle
from ssus2mri.models.encoder_decoder import Decoder, Encoder, Shape
from ssus2mri.models.generator import Synthesis
from ssus2mri.nearest import Places, nearest
from ssus2mri.slices import PLANES


class Autoencoder(nn.Module):
    """One encoder and one decoder, which reconstruct images of both modalities.

    Source: TMI 2020, Sec. IV-B, "AE".
    """

    channels = 1

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.encoder = Encoder(1, shape)
        self.decoder = Decoder(1, 1, shape)

    def reconstruct(self, image: Tensor) -> Tensor:
        """Encode and decode ``(N, 1, H, W)``."""
        features = self.encoder(image)
        return self.decoder.finish(features[-1], features, 1)

    def forward(self, us: Tensor, plane: Tensor, index: Tensor, ga_weeks: Tensor) -> Synthesis:
        """Return the reconstructed US as MR; see `Generator.forward`."""
        return Synthesis(self.reconstruct(middle(us)), None)


class Copy(nn.Module):
    """The US slice itself, offered as MR: the result without any translation."""

    channels = 1

    def forward(self, us: Tensor, plane: Tensor, index: Tensor, ga_weeks: Tensor) -> Synthesis:
        """Return the US; see `Generator.forward`."""
        return Synthesis(middle(us), None)


class NearestMr(nn.Module):
    """A training MR slice at the same plane and index, whatever the scan shows.

    It is the nearest slice by the rule of `ssus2mri.nearest`.

    Args:
        images: ``(S, H, W)`` float16 in [0, 1], training MR slices.
        plane: ``(S,)`` uint8, indices into `slices.PLANES`.
        index: ``(S,)`` int16, indices in atlas space.
        ga_weeks: ``(S,)`` float32.
    """

    channels = 1
    images: Tensor
    plane: Tensor
    index: Tensor
    ga_weeks: Tensor

    def __init__(self, images: Tensor, plane: Tensor, index: Tensor, ga_weeks: Tensor) -> None:
        super().__init__()
        self.register_buffer("images", images)
        self.register_buffer("plane", plane)
        self.register_buffer("index", index)
        self.register_buffer("ga_weeks", ga_weeks)

    @classmethod
    def empty(cls, slices: int, height: int, width: int) -> "NearestMr":
        """Return a model of so many slices, whose values are loaded afterwards."""
        return cls(
            torch.zeros(slices, height, width, dtype=torch.float16),
            torch.zeros(slices, dtype=torch.uint8),
            torch.zeros(slices, dtype=torch.int16),
            torch.zeros(slices, dtype=torch.float32),
        )

    def forward(self, us: Tensor, plane: Tensor, index: Tensor, ga_weeks: Tensor) -> Synthesis:
        """Look the slices up; see `Generator.forward`.

        Raises:
            InputError: no training MR slice of a plane.
        """
        scan = _places(plane, index, ga_weeks)
        rows = nearest(scan, _places(self.plane, self.index, self.ga_weeks))
        if (rows < 0).any():
            lacking = np.unique(scan.plane[rows < 0]).tolist()
            raise InputError(
                "method `atlas`",
                expected="training MR slices of every plane of the ultrasound",
                found="none for " + ", ".join(PLANES[number] for number in lacking),
                do="Add the plane to `extract.planes`, or leave this run out.",
            )
        chosen = torch.from_numpy(rows).to(self.images.device)
        return Synthesis(self.images[chosen][:, None].to(us.dtype), None)


def _places(*columns: Tensor) -> Places:
    return Places(*(column.cpu().numpy() for column in columns))
