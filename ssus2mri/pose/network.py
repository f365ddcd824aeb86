"""The pose network, which predicts how a head lies in the cube around it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CUBE = 40
"""Edge of the cube, voxels."""
REACH = 1.35
"""From the cube's centre to the middle of its outermost voxels, head radii."""
_CHANNELS = (16, 32, 64, 64, 128, 128)


class PoseNetwork(nn.Module):
    """Regress rotation, shift and size of the head in a cube.

    ``net(cubes)`` takes ``(N, 1, CUBE, CUBE, CUBE)`` of `ssus2mri.pose.cube.normalise` and returns
    rotation matrices ``(N, 3, 3)``, cube directions -> upright directions; shifts ``(N, 3)`` of the
    head's centre from the cube's, head radii; and ``(N,)`` log of the head's size against the
    assumed one. The rotation is two vectors made orthonormal (Zhou et al., CVPR 2019, Sec. 4.2).
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, fifth, last = _CHANNELS
        self.features = nn.Sequential(
            *_block(1, first, kernel=5, stride=2),
            *_block(first, second),
            nn.MaxPool3d(2),
            *_block(second, third),
            *_block(third, fourth),
            nn.MaxPool3d(2),
            *_block(fourth, fifth),
            *_block(fifth, last),
            nn.Conv3d(last, 32, 1),
            nn.Flatten(),
        )
        edge = CUBE // 8
        self.head = nn.Sequential(
            nn.LeakyReLU(0.1), nn.Linear(32 * edge**3, 256), nn.LeakyReLU(0.1), nn.Linear(256, 10)
        )

    def forward(self, cubes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        features = self.features(cubes)
        with torch.autocast(cubes.device.type, enabled=False):  # angles need float32
            out = self.head(features.float())
        return orthonormal(out[:, :6]), out[:, 6:9], out[:, 9]


def orthonormal(values: Tensor) -> Tensor:
    """Turn two vectors ``(N, 6)`` into rotation matrices ``(N, 3, 3)``, by Gram and Schmidt."""
    first = F.normalize(values[:, :3], dim=1)
    second = values[:, 3:]
    second = F.normalize(second - (first * second).sum(1, keepdim=True) * first, dim=1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=1)


def _block(
    channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1
) -> list[nn.Module]:
    return [
        nn.Conv3d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm3d(channels_out),
        nn.LeakyReLU(0.1),
    ]
