"""Slices of many volumes in one set of tensors, and the choice of rows of it."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.models.learned_atlas import Place
from ssus2mri.slices import Slices


@dataclass(frozen=True)
class Pool:
    """Slices of one modality and split.

    ``image (S, H, W)`` float16 in [0, 1]; ``plane (S,)`` uint8, an index into `slices.PLANES`;
    ``index (S,)`` int16 in atlas space; ``ga_weeks (S,)`` float32; ``beside (S, 2)`` int64, the
    rows of the slice before and after in the same volume and plane, its own where there is none.
    Where requested, ``head (S, H, W)`` bool, ``truth (S, H, W)`` float16, the MR of the same
    anatomy, ``matched (S, H, W)`` float16, training MR deformed onto the same head, and ``labels
    (S, H, W)`` uint8 `Tissue`.
    """

    image: Tensor
    plane: Tensor
    index: Tensor
    ga_weeks: Tensor
    beside: Tensor
    head: Tensor | None = None
    truth: Tensor | None = None
    matched: Tensor | None = None
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.image)

    def images(self, rows: Tensor, neighbours: int = 0) -> Tensor:
        """Return the images of some rows, with the slices around them as further channels.

        Args:
            rows: ``(N,)`` int64.
            neighbours: how many before, and how many after.

        Returns:
            ``(N, 1 + 2 neighbours, H, W)`` float32, in the order of the atlas; the slice itself in
            the middle. Beyond the first and the last slice of a plane, these are repeated.
        """
        return self.stored(rows, neighbours).float()

    def stored(self, rows: Tensor, neighbours: int = 0) -> Tensor:
        """Return the same as `images` in the stored type, float16."""
        before, after = [rows], [rows]
        for _ in range(neighbours):
            before.append(self.beside[before[-1], 0])
            after.append(self.beside[after[-1], 1])
        return self.image[torch.stack([*before[:0:-1], *after], dim=1)]

    def place(self, rows: Tensor) -> Place:
        """Return the place of some rows, ``(N,)`` int64."""
        return Place(self.plane[rows].long(), self.index[rows].long(), self.ga_weeks[rows])

    def to(self, device: torch.device) -> "Pool":
        """Return a copy on a device."""
        return Pool(**{name: tensor.to(device) for name, tensor in self._tensors().items()})

    def bytes(self) -> int:
        """Return the memory that it takes."""
        return sum(tensor.nbytes for tensor in self._tensors().values())

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def pool(
    volumes: Iterable[Slices],
    count: int | None = None,
    *,
    head: bool = False,
    truth: bool = False,
    labels: bool = False,
    matched: Path | None = None,
) -> Pool:
    """Put the slices of volumes into one set of tensors, volume by volume.

    With ``count``, no more than one of the volumes need be in memory beside the tensors.

    Args:
        volumes: of one atlas size; may be none.
        count: slices of all volumes together; None: they are kept and counted first.
        head: whether to keep the masks too.
        truth: whether to keep the truth too, if all volumes have one.
        labels: whether to keep the labels too, if all volumes have them.
        matched: folder of MR that `match` wrote, to keep that too; None: not needed.

    Returns:
        All their slices.

    Raises:
        InputError: matched MR that is missing or of other slices.
    """
    if count is None:
        volumes = list(volumes)
        count = sum(len(volume) for volume in volumes)
    wanted = ["image", "plane", "index", "ga_weeks", "beside"]
    wanted += ["head"] * head + ["truth"] * truth + ["labels"] * labels
    wanted += ["matched"] * (matched is not None)
    tensors: dict[str, Tensor] = {}
    row = 0
    for volume in volumes:
        for name in list(wanted):
            part = _part(name, volume, matched)
            if part is None:  # a volume without truth or labels: none has any then
                wanted.remove(name)
                tensors.pop(name, None)
                continue
            if name not in tensors:
                tensors[name] = torch.empty((count, *part.shape[1:]), dtype=part.dtype)
            tensors[name][row : row + len(volume)] = part + row if name == "beside" else part
        row += len(volume)
    if not row:
        return Pool(torch.zeros(0, 0, 0), *(torch.zeros(0),) * 3, torch.zeros(0, 2).long())
    return Pool(**tensors)


def _part(name: str, volume: Slices, matched: Path | None) -> Tensor | None:
    """Return what a volume adds to a tensor of a pool."""
    if name == "ga_weeks":
        return torch.full((len(volume),), volume.header.ga_weeks).float()
    if name == "beside":
        return torch.from_numpy(_beside(volume))
    if name == "matched" and matched is not None:
        return torch.from_numpy(read_match(volume, matched))
    array = getattr(volume, name)
    return None if array is None else torch.from_numpy(array)


def _beside(volume: Slices) -> NDArray[np.int64]:
    """Return the rows before and after each slice; see `Pool`."""
    places = list(zip(volume.plane.tolist(), volume.index.tolist(), strict=True))
    rows = {place: row for row, place in enumerate(places)}
    neighbours = [
        [rows.get((plane, index + step), row) for step in (-1, 1)]
        for row, (plane, index) in enumerate(places)
    ]
    return np.array(neighbours, np.int64)


def read_match(us: Slices, folder: Path) -> NDArray[np.float16]:
    """Read the MR that was matched to an ultrasound volume.

    Returns:
        ``(S, H, W)`` in [0, 1], in the order of the slices.

    Raises:
        InputError: there is none, or it is of other slices.
    """
    path = folder / f"{us.header.volume}.h5"
    match = slices.read(path)
    if not (np.array_equal(match.plane, us.plane) and np.array_equal(match.index, us.index)):
        raise InputError(
            str(path),
            expected=f"the {len(us)} slices of volume {us.header.volume}",
            found=f"{len(match)} others",
            do="Run `match` again after `extract`.",
        )
    return match.image


def draw(count_rows: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw row numbers: every row once in random order, then all again, until there are enough.

    Args:
        count_rows: number of rows, at least 1.
        count: numbers to draw.
        generator: source of random numbers; its state afterwards depends on the arguments only.

    Returns:
        ``(count,)`` int64 on the CPU.
    """
    rounds = -(-count // count_rows)
    order = [torch.randperm(count_rows, generator=generator) for _ in range(rounds)]
    return torch.cat(order)[:count]


def spread(count_rows: int, most: int) -> Tensor:
    """Return evenly spread rows: ``(min(count_rows, most),)`` int64."""
    count = min(count_rows, most)
    return torch.arange(count) * count_rows // max(count, 1)
