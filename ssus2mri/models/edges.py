"""EdgeNet: fixed filters that imitate Canny's detector and return the strength of edges."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
_SOBEL_SUM = 8.0  # so that a ramp of slope 1 has magnitude 1


class EdgeNet(nn.Module):
    """Gaussian 1 x 5 and 5 x 1, Sobel horizontal and vertical, suppression, two thresholds.

    The gradient passes through the magnitude of the edges that are kept; suppression and
    thresholds act as a mask without gradient. Table I lists the second Sobel filter after the
    first; both are applied to the smoothed image here, as in Canny's detector.

    Source: TMI 2020, Sec. III-E.3, Table I. Sigma and thresholds are not stated in the source.

    Args:
        sigma: of the Gaussian, pixels.
        low: gradient per pixel at which an edge continues.
        high: gradient per pixel at which an edge starts.
    """

    g_hori: Tensor
    g_vert: Tensor
    s_hori: Tensor
    s_vert: Tensor

    def __init__(self, sigma: float, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high
        weights = torch.tensor([math.exp(-(x**2) / (2 * sigma**2)) for x in range(-2, 3)])
        weights = weights / weights.sum()
        sobel = torch.tensor(_SOBEL) / _SOBEL_SUM
        for name, kernel in (
            ("g_hori", weights.view(1, 1, 1, 5)),
            ("g_vert", weights.view(1, 1, 5, 1)),
            ("s_hori", sobel.view(1, 1, 3, 3)),
            ("s_vert", sobel.T.reshape(1, 1, 3, 3)),
        ):
            self.register_buffer(name, kernel, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Detect edges.

        Args:
            image: ``(N, 1, H, W)``.

        Returns:
            ``(N, 1, H, W)``: gradient magnitude per pixel on edges, 0 elsewhere.
        """
        with torch.autocast(image.device.type, enabled=False):
            return self._edges(image.float())

    def _edges(self, image: Tensor) -> Tensor:
        smooth = F.conv2d(F.pad(image, (2, 2, 0, 0), mode="replicate"), self.g_hori)
        smooth = F.conv2d(F.pad(smooth, (0, 0, 2, 2), mode="replicate"), self.g_vert)
        padded = F.pad(smooth, (1, 1, 1, 1), mode="replicate")
        x, y = F.conv2d(padded, self.s_hori), F.conv2d(padded, self.s_vert)
        magnitude = torch.sqrt(x * x + y * y + 1e-12)  # the root has no derivative at 0
        with torch.no_grad():
            thin = _thinned(magnitude, x, y)
            mask = _connected(thin, self.low, self.high)
        return magnitude * mask


def _thinned(magnitude: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Keep magnitudes that no neighbour along the gradient exceeds; 0 elsewhere."""
    height, width = magnitude.shape[2:]
    padded = F.pad(magnitude, (1, 1, 1, 1))

    def at(dy: int, dx: int) -> Tensor:
        return padded[:, :, 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    steep, flat = math.tan(math.radians(67.5)), math.tan(math.radians(22.5))
    across, down = x.abs(), y.abs()
    horizontal, vertical = down <= flat * across, down > steep * across
    falling = (x * y) > 0  # the gradient points down right (or up left)
    pairs = {
        step: torch.maximum(at(*step), at(-step[0], -step[1]))
        for step in ((0, 1), (1, 0), (1, 1), (1, -1))
    }
    diagonal = torch.where(falling, pairs[1, 1], pairs[1, -1])
    straight = torch.where(horizontal, pairs[0, 1], pairs[1, 0])
    neighbour = torch.where(horizontal | vertical, straight, diagonal)
    return magnitude * (magnitude >= neighbour)


def _connected(thin: Tensor, low: float, high: float) -> Tensor:
    """Return 1 above ``high``, and above ``low`` within two pixels of such (hysteresis), else 0."""
    weak = (thin >= low).to(thin.dtype)
    mask = (thin >= high).to(thin.dtype)
    for _ in range(2):  # two pixels instead of whole chains: the same work for every image
        mask = F.max_pool2d(mask, 3, stride=1, padding=1) * weak
    return mask
