"""Slices of many volumes, read from slice files and held in memory for training."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.slices import Slices

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pool:
    """Slices of one modality and split.

    ``image (S, H, W)`` float16 in [0, 1]; ``plane (S,)`` uint8, an index into `slices.PLANES`;
    ``index (S,)`` int16 in atlas space; ``ga_weeks (S,)`` float32; ``beside (S, 2)`` int64, the
    rows of the slice before and after in the same volume and plane, its own where there is none.
    Where requested, ``head (S, H, W)`` bool, ``truth (S, H, W)`` float16, the MR of the same
    anatomy, and ``matched (S, H, W)`` float16, training MR deformed onto the same head.
    """

    image: Tensor
    plane: Tensor
    index: Tensor
    ga_weeks: Tensor
    beside: Tensor
    head: Tensor | None = None
    truth: Tensor | None = None
    matched: Tensor | None = None

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

    def to(self, device: torch.device) -> "Pool":
        """Return a copy on a device."""
        return Pool(**{name: tensor.to(device) for name, tensor in self._tensors().items()})

    def bytes(self) -> int:
        """Return the memory that it takes."""
        return sum(tensor.nbytes for tensor in self._tensors().values())

    def _tensors(self) -> dict[str, Tensor]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Data:
    """All slices of a run; ``val_us`` and ``val_mr`` may be empty."""

    us: Pool
    mr: Pool
    val_us: Pool
    val_mr: Pool
    subjects: tuple[str, ...]


def pool(volumes: Iterable[Slices], *, head: bool = False, truth: bool = False) -> Pool:
    """Concatenate the slices of volumes.

    Args:
        volumes: of one atlas size; may be none.
        head: whether to keep the masks too.
        truth: whether to keep the truth too, if all volumes have one.

    Returns:
        All their slices.
    """
    volumes = list(volumes)
    if not volumes:
        return Pool(torch.zeros(0, 0, 0), *(torch.zeros(0),) * 3, torch.zeros(0, 2).long())
    ages = [torch.full((len(volume),), volume.header.ga_weeks) for volume in volumes]
    first = np.cumsum([0, *(len(volume) for volume in volumes)])
    beside = [_beside(volume) + row for volume, row in zip(volumes, first, strict=False)]
    truths = [volume.truth for volume in volumes if volume.truth is not None] if truth else []
    complete = len(truths) == len(volumes)
    return Pool(
        torch.cat([torch.from_numpy(volume.image) for volume in volumes]),
        torch.cat([torch.from_numpy(volume.plane) for volume in volumes]),
        torch.cat([torch.from_numpy(volume.index) for volume in volumes]),
        torch.cat(ages).float(),
        torch.from_numpy(np.concatenate(beside)),
        torch.cat([torch.from_numpy(volume.head) for volume in volumes]) if head else None,
        torch.cat([torch.from_numpy(image) for image in truths]) if complete else None,
    )


def _beside(volume: Slices) -> NDArray[np.int64]:
    """Return the rows before and after each slice; see `Pool`."""
    places = list(zip(volume.plane.tolist(), volume.index.tolist(), strict=True))
    rows = {place: row for row, place in enumerate(places)}
    neighbours = [
        [rows.get((plane, index + step), row) for step in (-1, 1)]
        for row, (plane, index) in enumerate(places)
    ]
    return np.array(neighbours, np.int64)


def load(extracts: Iterable[Path], *, truth: bool = False, matched: Path | None = None) -> Data:
    """Read the slice files of train and val; volumes whose pose is uncertain are left out.

    Args:
        extracts: in any order; the result does not depend on it.
        truth: whether to keep the true MR of training slices too; that of validation slices is
            always kept.
        matched: folder where `match` wrote the MR of the ultrasound volumes; None: not needed.

    Returns:
        Pools by modality and split, and all subjects in them.

    Raises:
        InputError: a file of another split, files of different atlas sizes, no training slice of
            a modality, or matched MR that is missing or of other slices.
    """
    headers = {path: slices.read_header(path) for path in extracts}
    uncertain = sorted(header.volume for header in headers.values() if header.uncertain)
    if uncertain:
        logger.warning("not trained on, since their pose is uncertain: %s", ", ".join(uncertain))
    paths = {header.volume: path for path, header in headers.items() if not header.uncertain}
    volumes = [slices.read(paths[name]) for name in sorted(paths)]
    _require_one_size(volumes)
    groups: dict[tuple[str, str], list[Slices]] = {
        (modality, split): [] for modality in ("us", "mr") for split in ("train", "val")
    }
    for volume in volumes:
        modality, split = volume.header.modality, volume.header.split
        if (modality, split) not in groups:
            raise InputError(
                str(paths[volume.header.volume]),
                expected="a US or MR slice file of split train or val",
                found=f"modality {modality!r}, split {split!r}",
                do="Leave test volumes out of training.",
            )
        groups[modality, split].append(volume)
    pools = {}
    for (modality, split), group in groups.items():
        validated = (modality, split) == ("us", "val")
        pools[modality, split] = pool(
            group, head=validated, truth=validated or (modality == "us" and truth)
        )
        if modality == "us" and matched is not None and group:
            images = [torch.from_numpy(read_match(volume, matched)) for volume in group]
            pools[modality, split] = replace(pools[modality, split], matched=torch.cat(images))
    for modality in ("us", "mr"):
        if not len(pools[modality, "train"]):
            raise InputError(
                "slice files",
                expected=f"at least one training slice of modality {modality}",
                found=f"none; uncertain of their pose: {', '.join(uncertain)}"
                if uncertain
                else "none",
                do="Give the manifest such rows with split `train`, a `transform` to those whose"
                " pose is uncertain, or lower `extract.min_head_fraction`.",
            )
    return Data(
        us=pools["us", "train"],
        mr=pools["mr", "train"],
        val_us=pools["us", "val"],
        val_mr=pools["mr", "val"],
        subjects=tuple(sorted({volume.header.subject for volume in volumes})),
    )


def _require_one_size(volumes: list[Slices]) -> None:
    shapes = {volume.image.shape[1:] for volume in volumes}
    if len(shapes) > 1:
        raise InputError(
            "slice files",
            expected="slices of one size",
            found=" and ".join(str(shape) for shape in sorted(shapes)),
            do="Run `extract` again for all volumes.",
        )


def read_match(us: Slices, folder: Path) -> NDArray[np.float16]:
    """Read the MR that was matched to an ultrasound volume.

    Args:
        us: the volume's slices.
        folder: where `match` wrote.

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


def missing_match(run: str) -> InputError:
    """Return the error of a run that needs matched MR and got none."""
    return InputError(
        f"run {run}",
        expected="the folder of matched MR (--matched)",
        found="none",
        do="Run `blend` and `match` first, or leave the run out; the workflow does both by itself.",
    )


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
