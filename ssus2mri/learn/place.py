"""What MR looks like at a place of the atlas, whoever's: training MR slices in, their mean out."""

import torch
from torch import Tensor

from ssus2mri.errors import InputError
from ssus2mri.learn.dataset import Pool
from ssus2mri.slices import PLANES


def mr_by_place(mr: Pool, us: Pool) -> Tensor:
    """Average the training MR slices of each place; where there is none, the nearest of the plane.

    Args:
        mr: training MR.
        us: ultrasound, whose planes are to be found.

    Returns:
        ``(plane, index, H, W)`` float16 in [0, 1], for every index of the atlas grid; a plane that
        the ultrasound lacks may be all 0.

    Raises:
        InputError: a plane of the ultrasound is not in the MR.
    """
    height, width = mr.image.shape[1:]
    places = torch.zeros(len(PLANES), height, height, width, dtype=torch.float16)
    for plane, name in enumerate(PLANES):
        own = mr.plane == plane
        if own.any():
            apart = (mr.index[own].long() - torch.arange(height)[:, None]).abs()
            nearest = (apart == apart.amin(dim=1, keepdim=True)).float()
            share = nearest / nearest.sum(dim=1, keepdim=True)
            mean = share @ mr.image[own].float().flatten(1)
            places[plane] = mean.view(height, height, width).half()
        elif (us.plane == plane).any():
            raise InputError(
                "loss term `place`",
                expected="training MR slices of every plane of the ultrasound",
                found=f"none of plane {name}",
                do="Add the plane to `extract.planes`, or set `weights.place` of the run to 0.",
            )
    return places
