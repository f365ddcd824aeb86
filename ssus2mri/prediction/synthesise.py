"""From a scan in atlas space to MR, tissues and expected error there."""

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri.images import geometry
from ssus2mri.infer.roi import bounding_roi
from ssus2mri.prediction.blend import Seen, blend, brain_share
from ssus2mri.prediction.network import Network
from ssus2mri.prediction.prepare import Floats, Prepared
from ssus2mri.prepare.plane import axial_grid
from ssus2mri.slices import PLANES
from ssus2mri.tissues import LESIONS, SHOWN

_AROUND_PX = 6  # around the found head, which may be a little off


@dataclass(frozen=True)
class Maps:
    """What a network sees in a scan, in atlas space ``[z, y, x]``, of a plane one slice.

    ``mr`` float32 in [0, 1]; ``tissue (K, ...)`` float16, probabilities of `SHOWN`; ``spread``
    float32, expected absolute error of ``mr``. The last two are None without tissues.
    """

    mr: Floats
    tissue: NDArray[np.float16] | None
    spread: Floats | None

    @property
    def labels(self) -> NDArray[np.uint8]:
        """The likeliest tissue of each voxel, `Tissue`; 0 without tissues."""
        if self.tissue is None:
            return np.zeros(self.mr.shape, np.uint8)
        return np.array(SHOWN, np.uint8)[self.tissue.argmax(axis=0)]


def synthesise(prepared: Prepared, network: Network, ga_weeks: float) -> Maps:
    """Run the network over all slices of all planes, and average what the planes say.

    Of a volume the average is blended with an average head of the age.

    Args:
        prepared: a scan in atlas space; of a plane its one slice is read.
        network: to run.
        ga_weeks: gestational age, weeks.

    Returns:
        The maps; MR is 0 outside the brain, or without tissues outside the found head.
    """
    seen = see(prepared, network, ga_weeks)
    if not network.tissues:
        return Maps(seen.mr.numpy() * prepared.head, None, None)
    spread = network.calibration.spread
    if prepared.index is not None or not network.blends:
        return maps_of(seen, spread["plane"])
    return maps_of(blended(seen, network, ga_weeks), spread["volume"])


def blended(seen: Seen, network: Network, ga_weeks: float) -> Seen:
    """Return what is seen of a volume, blended with an average head of the age."""
    spacing_mm = network.atlas.labels.GetSpacing()[0]
    settings = network.sections["predict"].blend
    return blend(seen, ga_weeks, spacing_mm=spacing_mm, settings=settings)


def maps_of(seen: Seen, factor: float) -> Maps:
    """Return the maps of what a network sees that knows tissues.

    Args:
        seen: by the network.
        factor: on its expected error.
    """
    share = brain_share(seen.tissue).numpy()
    brain = share > 0.5
    mr, error = seen.mr.numpy(), factor * seen.spread.numpy()
    # What is taken for brain may be none, whose MR is 0, and the other way round.
    spread = share * np.where(brain, error, mr) + (1 - share) * mr * brain
    return Maps((mr * brain).astype(np.float32), seen.tissue.half().numpy(), spread)


def see(prepared: Prepared, network: Network, ga_weeks: float) -> Seen:
    """Return the averages of what the network says of all slices.

    Args:
        prepared: a scan in atlas space.
        network: to run.
        ga_weeks: gestational age, weeks.
    """
    us, head = torch.from_numpy(prepared.us), torch.from_numpy(prepared.head)
    total, count = _all_planes(us, head, prepared.index, network, ga_weeks)
    if network.tissues:  # it was trained on heads and their mirror images alike
        mirrored = _all_planes(us.flip(-1), head.flip(-1), prepared.index, network, ga_weeks)
        total, count = total + mirrored[0].flip(-1), count + mirrored[1].flip(-1)
    mean = total / count.clamp(min=1)
    tissue = mean[2:]
    tissue[:1] += (count == 0).float()  # where no slice was read there is background
    if network.tissues:
        tissue = _rarer_lesions(tissue, network.sections["predict"].lesion_odds)
    return Seen(mean[0].clamp(0, 1), mean[1], tissue)


def _rarer_lesions(tissue: Tensor, odds: float) -> Tensor:
    """Return probabilities of `SHOWN` in which lesions are rarer by a factor, and the sum is 1."""
    factors = torch.ones(len(tissue))
    factors[[SHOWN.index(lesion) for lesion in LESIONS]] = odds
    rarer = tissue * factors.view(-1, 1, 1, 1)
    return rarer / rarer.sum(0)


def _all_planes(
    us: Tensor, head: Tensor, level: int | None, network: Network, ga_weeks: float
) -> tuple[Tensor, Tensor]:
    """Return the sum of the maps of all slices of all planes, ``(2 + K, Z, Y, X)``; their count."""
    total = torch.zeros((2 + (len(SHOWN) if network.tissues else 0), *us.shape))
    count = torch.zeros(us.shape)
    for plane in (0,) if level is not None else range(len(PLANES)):
        moved, inside = us.movedim(plane, 0), head.movedim(plane, 0)
        rows = torch.nonzero(inside.flatten(1).any(1))[:, 0]
        low, high = int(rows.min()), int(rows.max()) + 1
        low, high = max(low - _AROUND_PX, 0), min(high + _AROUND_PX, len(moved))
        whole = torch.ones_like(inside[:1]) if network.tissues else inside
        for numbers in torch.arange(low, high).split(network.sections["predict"].batch_size):
            places = numbers if level is None else torch.full((len(numbers),), level)
            maps = _run(network, moved, numbers, plane, places, ga_weeks, whole)
            total.movedim(plane + 1, 1)[:, numbers] += maps
            count.movedim(plane, 0)[numbers] += 1
    return total, count


def _run(
    network: Network,
    volume: Tensor,
    numbers: Tensor,
    plane: int,
    places: Tensor,
    ga_weeks: float,
    head: Tensor,
) -> Tensor:
    """Return MR, expected error and tissues of some slices, ``(2 + K, N, H, W)``."""
    steps = range(-network.neighbours, network.neighbours + 1)
    around = torch.stack([numbers + step for step in steps], dim=1).clamp(0, len(volume) - 1)
    with torch.inference_mode():
        synthesis = network.infer(
            volume[around],
            torch.full((len(numbers),), plane),
            places.long(),
            torch.full((len(numbers),), ga_weeks),
            bounding_roi(head if len(head) == 1 else head[numbers]),
        )
        parts = [synthesis.mr[:, :1].float()]
        if network.tissues:
            assert synthesis.log_spread is not None
            assert synthesis.tissue is not None
            parts.append(synthesis.log_spread.float().exp())
            parts.append(synthesis.tissue.float().softmax(1))
        else:
            parts.append(torch.zeros_like(parts[0]))
    return torch.cat(parts, dim=1).movedim(1, 0)


def onto_scan(
    values: NDArray[np.floating], prepared: Prepared, network: Network, scan: sitk.Image
) -> Floats:
    """Carry a map of atlas space onto the scan's grid.

    Args:
        values: ``[z, y, x]``.
        prepared: of that scan.
        network: whose atlas it is.
        scan: its grid is taken.

    Returns:
        float32, array of the scan; linear between voxels, 0 beyond the atlas's grid.
    """
    image = _in_atlas(values.astype(np.float32), network, prepared)
    carried = geometry.resample(image, scan, prepared.to_atlas.GetInverse())
    return sitk.GetArrayFromImage(carried)


def labels_onto_scan(labels: sitk.Image, prepared: Prepared, scan: sitk.Image) -> NDArray[np.uint8]:
    """Carry the tissues of `fine_labels` onto the scan's grid, each voxel the nearest one."""
    image = labels if scan.GetDimension() == 3 else labels[:, :, 0]
    carried = geometry.resample(image, scan, prepared.to_atlas.GetInverse(), nearest=True)
    return sitk.GetArrayFromImage(carried)


def fine_labels(maps: Maps, prepared: Prepared, network: Network) -> sitk.Image:
    """Return the likeliest tissues on a finer grid: borders between voxels are where they are.

    Args:
        maps: with tissues.
        prepared: of the same scan.
        network: whose atlas it is.

    Returns:
        3D uint8 `Tissue` in atlas space; of a plane one slice.
    """
    assert maps.tissue is not None
    flat = prepared.index is not None
    factor = (1, 4, 4) if flat else (2, 2, 2)
    shape = tuple(n * f for n, f in zip(maps.mr.shape, factor, strict=True))
    best = np.zeros(shape, np.float32)
    labels = np.zeros(shape, np.uint8)
    for tissue, share in zip(SHOWN, maps.tissue, strict=True):
        if share.max() < 0.05:
            continue
        fine = torch.nn.functional.interpolate(
            torch.from_numpy(share.astype(np.float32))[None, None], size=shape, mode="trilinear"
        )[0, 0].numpy()
        likelier = fine > best
        labels[likelier] = tissue
        np.maximum(best, fine, out=best)
    like = _in_atlas(maps.mr, network, prepared, flat=False)
    image = sitk.GetImageFromArray(labels)
    spacing = [edge / f for edge, f in zip(like.GetSpacing(), factor[::-1], strict=True)]
    image.SetSpacing(spacing)
    image.SetOrigin(
        [
            o + (new - old) / 2
            for o, new, old in zip(like.GetOrigin(), spacing, like.GetSpacing(), strict=True)
        ]
    )
    return image


def _in_atlas(
    values: NDArray, network: Network, prepared: Prepared, *, flat: bool | None = None
) -> sitk.Image:
    """Give an array of atlas space its place; a plane is 2D unless ``flat`` is False."""
    labels = network.atlas.labels
    if prepared.index is None:
        return geometry.from_array(values, labels)
    if flat is False:
        return geometry.from_array(values, labels[:, :, prepared.index : prepared.index + 1])
    return geometry.from_array(values[0], axial_grid(labels))
