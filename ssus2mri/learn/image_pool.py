"""Fakes of earlier steps, so that a discriminator does not forget them."""

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps images and hands some back in exchange for new ones.

    Until it is full it keeps and gives back what it is given. Then every image is, by the toss of
    a coin, exchanged for one that is kept. Its images are part of its ``state_dict``. In evaluation
    mode it gives back what it is given and keeps nothing.

    Source: Zhu et al., ICCV 2017, Sec. 4, after Shrivastava et al., CVPR 2017.

    Args:
        size: images that are kept.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.images = torch.empty(0)

    def forward(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Exchange.

        Args:
            images: ``(N, C, H, W)`` without gradient, always of the same shape but for N.
            generator: on the CPU.

        Returns:
            The same shape.
        """
        if not self.training:
            return images
        kept = self.images.to(images) if len(self.images) else images[:0]
        given = []
        for image in images.split(1):
            if len(kept) < self.size:
                kept = torch.cat([kept, image])
            elif self.size and torch.rand((), generator=generator) < 0.5:
                place = int(torch.randint(self.size, (), generator=generator))
                given.append(kept[place : place + 1].clone())
                kept[place] = image[0]
                continue
            given.append(image)
        self.images = kept
        return torch.cat(given)

    def get_extra_state(self) -> Tensor:
        """Give the images: their number grows, so they cannot be a buffer."""
        return self.images

    def set_extra_state(self, state: Tensor) -> None:
        """Take the images that `get_extra_state` gave."""
        self.images = state.clone()
