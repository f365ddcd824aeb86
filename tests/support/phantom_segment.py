"""A segmenter that reads classes off grey values, for images that code them."""

import numpy as np
import torch
from torch import Tensor, nn

from ssus2mri.segment.classes import CLASSES


def coded(classes):
    """Grey values of classes: a tenth each."""
    return (np.asarray(classes) / 10).astype(np.float32)


class ByIntensity(nn.Module):
    """Scores as `SegmentNetwork`: class k where the slice is k / 10."""

    def forward(self, slices: Tensor) -> Tensor:
        levels = torch.arange(len(CLASSES)).reshape(1, -1, 1, 1) / 10
        return -1000 * (slices - levels).abs()
