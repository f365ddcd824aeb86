"""The generator of CycleGAN and CUT, which translates an image to the other modality."""

import torch
from torch import Tensor, nn

from ssus2mri.models.blocks import middle
from ssus2mri.models.generator import Synthesis


class ResidualBlock(nn.Module):
    """Two convolutions 3 x 3 whose result is added to their input.

    Source: Zhu et al., ICCV 2017, Sec. 7.2, R256.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(),
            _conv(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(N, channels, H, W)``."""
        return features + self.layers(features)


class ResnetGenerator(nn.Module):
    """c7s1-64, d128, d256, residual blocks of 256, u128, u64, c7s1-1; images in [-1, 1] within.

    Source: Zhu et al., ICCV 2017, Sec. 7.2 (nine blocks, reflection padding, instance norm).

    Args:
        channels: of the first layer, 64 in the source.
        blocks: residual blocks, 9 in the source.
    """

    channels = 1

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        wide = 4 * channels
        down = [
            *(_conv(1, channels, 7), nn.InstanceNorm2d(channels), nn.ReLU()),
            *_halve(channels, 2 * channels),
            *_halve(2 * channels, wide),
        ]
        self.layers = nn.Sequential(
            *down,
            *(ResidualBlock(wide) for _ in range(blocks)),
            *_double(wide, 2 * channels),
            *_double(2 * channels, channels),
            _conv(channels, 1, 7),
        )
        halvings = [3, 6]
        self.taps = [*halvings, len(down), len(down) + blocks // 2]
        self.tap_channels = [1, 2 * channels, wide, wide, wide]

    def translate(self, image: Tensor) -> Tensor:
        """Translate an image.

        Args:
            image: ``(N, 1, H, W)`` in [-1, 1], H and W multiples of 4.

        Returns:
            The same shape and range, float32.
        """
        return torch.tanh(self.layers(image).float())

    def encode(self, image: Tensor) -> list[Tensor]:
        """Return the features of five layers: pixels, both halvings, first and middle block.

        Source: Park et al., ECCV 2020, Sec. 4.1, appendix C.1.

        Args:
            image: ``(N, 1, H, W)`` in [-1, 1].

        Returns:
            Feature maps with `tap_channels` channels.
        """
        return self._trace(image, self.taps[-1] + 1)[1]

    def translate_and_encode(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the results of `translate` and `encode`, in one pass."""
        value, features = self._trace(image, len(self.layers))
        return torch.tanh(value.float()), features

    def _trace(self, image: Tensor, stop: int) -> tuple[Tensor, list[Tensor]]:
        value, features = image, [image]
        for number, layer in enumerate(list(self.layers)[:stop]):
            value = layer(value)
            if number in self.taps:
                features.append(value)
        return value, features

    def forward(self, us: Tensor, plane: Tensor, index: Tensor, ga_weeks: Tensor) -> Synthesis:
        """Synthesise MR in [0, 1]; see `Generator.forward`."""
        return Synthesis(unsigned(self.translate(signed(middle(us)))), None)


def signed(image: Tensor) -> Tensor:
    """Scale [0, 1] to [-1, 1], the range for which the sources give their weights."""
    return 2 * image - 1


def unsigned(image: Tensor) -> Tensor:
    """Scale [-1, 1] to [0, 1]."""
    return (image + 1) / 2


def _conv(channels_in: int, channels_out: int, kernel: int) -> nn.Conv2d:
    padding = kernel // 2
    return nn.Conv2d(channels_in, channels_out, kernel, padding=padding, padding_mode="reflect")


def _halve(channels_in: int, channels_out: int) -> list[nn.Module]:
    layer = nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)
    return [layer, nn.InstanceNorm2d(channels_out), nn.ReLU()]


def _double(channels_in: int, channels_out: int) -> list[nn.Module]:
    layer = nn.ConvTranspose2d(channels_in, channels_out, 3, stride=2, padding=1, output_padding=1)
    return [layer, nn.InstanceNorm2d(channels_out), nn.ReLU()]
