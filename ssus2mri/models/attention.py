"""Cross-modal attention, by which ultrasound features guide MR features."""

from torch import Tensor, nn


def attend(delta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
    """Compute delta^T (x) phi (x) g of Eq. 1, divided by the number of positions N.

    There is no softmax in Eq. 1, so the product is associative: from the right it costs
    O(N C^2), from the left O(N^2 C). The division by N is not stated in the source; it keeps the
    scale independent of the image size, as the dot-product form of the non-local network does.

    Source: TMI 2020, Sec. III-B, Eq. 1.

    Args:
        delta: ``(B, C, N)``, embedded US features.
        phi: ``(B, C, N)``, embedded US features.
        g: ``(B, C, N)``, embedded MR features.

    Returns:
        ``(B, C, N)``.
    """
    relation = phi @ g.mT / delta.shape[-1]  # (B, C, C)
    return relation.mT @ delta


class CrossModalAttention(nn.Module):
    """Eq. 1: f_M' = eta(delta(f_U)^T (x) phi(f_U) (x) g(f_M)) + f_M, all embeddings 1 x 1 conv.

    Source: TMI 2020, Sec. III-B, Eq. 1, Table I: 144 -> 72 -> 144 channels.

    Args:
        channels: of the features of either decoder.
        inner: of the embeddings.
    """

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.delta = nn.Conv2d(channels, inner, 1)
        self.phi = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.eta = nn.Conv2d(inner, channels, 1)

    def forward(self, us: Tensor, mr: Tensor) -> Tensor:
        """Guide MR features by US features.

        Args:
            us: ``(B, channels, H, W)``, of the decoder that reconstructs the US.
            mr: the same shape, of the decoder that synthesises MR.

        Returns:
            ``(B, channels, H, W)``.
        """
        product = attend(self.delta(us).flatten(2), self.phi(us).flatten(2), self.g(mr).flatten(2))
        return mr + self.eta(product.unflatten(2, us.shape[2:]))
