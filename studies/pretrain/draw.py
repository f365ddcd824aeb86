"""Draw slices from simulated scans: in any plane, tilted, and off as `align` leaves them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from augment import around, bend, brighten
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation
from torch import Tensor

from ssus2mri.learn.data.batches import Batch
from ssus2mri.tissues import HEAD, INTRACRANIAL, LESIONS

BRAIN_MM = 4.0  # from the skull's inside: its echo is thick
PERCENTILES = (1.0, 99.5)
MASKED_SHARE = 0.35  # of slices that show nothing but the head, as `extract` gives them
REACH_MM = 36.0  # of slices from the middle of the head
PLANE_MM = (-14.0, 20.0)  # levels of 2D planes
LEVEL_MM, AGE_WEEKS = 4.0, 0.7  # standard deviations of what is said of level and age
PLANE_SHARE = 0.3  # of slices without neighbours, as 2D planes are
LESION_SHARE = 0.8  # of the slices of a scan with a lesion that are laid through it
# Of slices, those of a scan with such a pathology, beside those that happen to be.
PATHOLOGY_SHARES = {("cyst", "bleed"): 0.3, ("ventricles", "callosum"): 0.25}
# Standard deviations of what is left after alignment: degrees, mm, log of size; each for a share.
OFF = ((0.5, 4.0, 1.5, 0.03), (0.35, 9.0, 3.0, 0.06), (0.15, 16.0, 4.0, 0.09))
BENT_SHARE = 0.6  # of slices whose head is bent into one that no built-in anatomy has


@dataclass(frozen=True)
class Scan:
    """A scan as training needs it.

    ``us``, ``mr``, ``head`` (255 inside) and ``labels`` uint8 ``[z, y, x]``; ``to_index (3, 4)``;
    ``ga_weeks``; ``pathology``, its kind or "none"; ``low`` and ``high``, grey values of the US
    that become 0 and 1; ``lesion (N, 3)``, atlas points x, y, z (mm) in a cyst or bleed.
    """

    us: NDArray[np.uint8]
    mr: NDArray[np.uint8]
    head: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    to_index: NDArray[np.float64]
    ga_weeks: float
    pathology: str
    low: float
    high: float
    lesion: NDArray[np.float64]


def read_scan(path: Path) -> Scan:
    """Read a scan that `make_scan` wrote."""
    with np.load(path) as file:
        us, mr, labels = file["us"], file["mr"], file["labels"]
        to_index, ga_weeks = file["to_index"].astype(np.float64), float(file["ga_weeks"])
        pathology = str(file["pathology"])
    head = np.isin(labels, HEAD)
    voxel_mm = 1 / np.cbrt(np.linalg.det(to_index[:, :3]))  # in atlas space
    inside = np.isin(labels, INTRACRANIAL)
    brain = ndimage.distance_transform_edt(inside, voxel_mm) > BRAIN_MM
    low, high = np.percentile(us[brain], PERCENTILES)
    return Scan(
        us,
        mr,
        (255 * head).astype(np.uint8),
        labels,
        to_index,
        ga_weeks,
        pathology,
        float(low),
        max(float(high), float(low) + 1),
        _lesion_points(labels, to_index),
    )


def _lesion_points(labels: NDArray[np.uint8], to_index: NDArray[np.float64]) -> NDArray[np.float64]:
    indices = np.argwhere(np.isin(labels, LESIONS))[:, ::-1]  # x, y, z
    return (indices - to_index[:, 3]) @ np.linalg.inv(to_index[:, :3]).T


def draw_batch(
    scans: list[Scan], count: int, *, size: int, spacing_mm: float, rng: np.random.Generator
) -> Batch:
    """Draw a batch of slices, each of a random scan, plane and place.

    Args:
        scans: to draw from.
        count: slices.
        size: edge of the atlas grid, voxels.
        spacing_mm: of the atlas grid.
        rng: source of randomness.

    Returns:
        The batch; US of three neighbouring slices.
    """
    groups = [
        [scan for scan in scans if scan.pathology in kinds] or scans for kinds in PATHOLOGY_SHARES
    ]
    shares = list(PATHOLOGY_SHARES.values())
    picks = rng.choice(len(groups) + 1, size=count, p=[*shares, 1 - sum(shares)])
    sources = [[*groups, scans][pick] for pick in picks]
    rows = [source[int(rng.integers(len(source)))] for source in sources]
    slices = [draw_slice(scan, size=size, spacing_mm=spacing_mm, rng=rng) for scan in rows]
    us = torch.stack([drawn.us for drawn in slices])
    mr = torch.stack([drawn.mr for drawn in slices])
    labels = torch.stack([drawn.labels for drawn in slices])
    plane = torch.tensor([drawn.plane for drawn in slices])
    index = torch.tensor([drawn.index for drawn in slices])
    ga_weeks = [scan.ga_weeks + AGE_WEEKS * rng.normal() for scan in rows]
    return Batch(
        us=us,
        mr=mr,
        plane=plane,
        index=index,
        mr_plane=plane,
        mr_index=index,
        ga_weeks=torch.tensor(ga_weeks),
        truth=mr,
        matched=None,
        seed=0,
        labels=labels,
    )


@dataclass(frozen=True)
class DrawnSlice:
    """US ``(3, H, W)``, MR ``(1, H, W)``, labels ``(H, W)``, and where the slice seems to lie."""

    us: Tensor
    mr: Tensor
    labels: Tensor
    plane: int
    index: int


def draw_slice(scan: Scan, *, size: int, spacing_mm: float, rng: np.random.Generator) -> DrawnSlice:
    """Draw a slice of a random plane and place."""
    flat = rng.random() < PLANE_SHARE
    plane = 0 if flat else int(rng.integers(3))
    # The two hemispheres are much alike.
    side = -1 if rng.random() < 0.5 else 1
    low_mm, high_mm = PLANE_MM if flat else (-REACH_MM, REACH_MM)
    wanted_mm = rng.uniform(low_mm, high_mm)
    if len(scan.lesion) and rng.random() < LESION_SHARE:
        point = scan.lesion[rng.integers(len(scan.lesion))] * (side, 1, 1)
        wanted_mm = np.clip(point[2 - plane], low_mm, high_mm)
    index = round(wanted_mm / spacing_mm + (size - 1) / 2)
    depth_mm = (index - (size - 1) / 2) * spacing_mm
    if flat:  # the level of a plane is a guess
        index = int(np.clip(index + round(LEVEL_MM / spacing_mm * rng.normal()), 0, size - 1))
    axis = (np.arange(size, dtype=np.float64) - (size - 1) / 2) * spacing_mm
    offsets = (0.0,) if flat else (-spacing_mm, 0.0, spacing_mm)
    # Rows and columns of a slice: axial y, x; coronal z, x; sagittal z, y (`ssus2mri.slicing`).
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    points = np.empty((len(offsets), size, size, 3))
    across, down, along = ((2, 1, 0), (1, 2, 0), (0, 2, 1))[plane]
    points[..., down], points[..., along] = rows, columns
    for number, offset in enumerate(offsets):
        points[number, ..., across] = depth_mm + offset
    if rng.random() < BENT_SHARE:
        levels = depth_mm + np.array(offsets)
        points += bend(levels, axis, across=across, down=down, along=along, rng=rng)
    points[..., 0] *= side
    shares = np.array([share for share, *_ in OFF])
    _, degrees, shift_mm, log_size = OFF[int(rng.choice(len(OFF), p=shares / shares.sum()))]
    turn = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=3)).as_matrix()
    turn *= np.exp(log_size * rng.normal())
    points = points @ turn.T + shift_mm * rng.normal(size=3)
    indices = points @ scan.to_index[:, :3].T + scan.to_index[:, 3]
    places = np.moveaxis(indices, -1, 0)[::-1]  # z, y, x
    middle = len(offsets) // 2
    grey = torch.from_numpy(_read(scan.us, places))
    mr = torch.from_numpy(_read(scan.mr, places[:, middle])) / 255
    labels = torch.from_numpy(ndimage.map_coordinates(scan.labels, places[:, middle], order=0))
    us = brighten((grey - scan.low) / (scan.high - scan.low), rng) * (grey > 0)
    if rng.random() < MASKED_SHARE:
        us = us * around(torch.from_numpy(_read(scan.head, places)), rng)
    if flat:
        us = us.expand(3, -1, -1)
    return DrawnSlice(us.contiguous(), mr[None], labels, plane, index)


def _read(array: NDArray[np.uint8], places: NDArray[np.float64]) -> NDArray[np.float32]:
    return ndimage.map_coordinates(array, places, order=1, output=np.float32)
