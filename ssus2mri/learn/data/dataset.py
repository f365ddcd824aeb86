"""Slices of many volumes in memory: slice files in, batches out."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ssus2mri import slices
from ssus2mri.errors import InputError


@dataclass(frozen=True)
class Pool:
    """Slices of one modality and split.

    ``image (S, H, W)`` float16 in [0, 1]; ``plane (S,)`` uint8, an index into `slices.PLANES`;
    ``index (S,)`` int16 in atlas space; ``ga_weeks (S,)`` float32; ``beside (S, 2)`` int64, the
    rows of the slice before and after in the same volume and plane, its own where there is none.
    Where asked for, ``head (S, H, W)`` bool, ``truth (S, H, W)`` float16, the MR of the same
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
        """Give the images of some rows, and of the slices around them as further channels.

        Args:
            rows: ``(N,)`` int64.
            neighbours: how many before, and how many after.

        Returns:
            ``(N, 1 + 2 neighbours, H, W)`` float32, in the order of the atlas; the slice itself in
            the middle. Beyond the first and the last slice of a plane, these are repeated.
        """
        return self.stored(rows, neighbours).float()

    def stored(self, rows: Tensor, neighbours: int = 0) -> Tensor:
        """Give what `images` gives as it is kept, float16."""
        before, after = [rows], [rows]
        for _ in range(neighbours):
            before.append(self.beside[before[-1], 0])
            after.append(self.beside[after[-1], 1])
        return self.image[torch.stack([*before[:0:-1], *after], dim=1)]

    def to(self, device: torch.device) -> "Pool":
        """Move to a device."""
        return Pool(**{name: one.to(device) for name, one in self._tensors().items()})

    def bytes(self) -> int:
        """Tell how much memory it takes."""
        return sum(one.nbytes for one in self._tensors().values())

    def _tensors(self) -> dict[str, Tensor]:
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: one for name, one in named.items() if one is not None}


@dataclass(frozen=True)
class Batch:
    """What an objective sees in a step: all on the device, augmented alike.

    ``us (N, 1 + 2 neighbours, H, W)`` float32 in [0, 1], the slice itself in the middle; ``mr (N,
    1, H, W)`` of other subjects; ``plane (N,)`` and ``index (N,)`` int64 of the US slices; ``truth
    (N, 1, H, W)`` the true MR of the US slices, only where the method asks for it; ``matched (N,
    1, H, W)`` training MR deformed onto their heads, only where a term asks for it. ``seed`` of
    the step is for random choices inside an objective: the same whatever was resumed.
    """

    us: Tensor
    mr: Tensor
    plane: Tensor
    index: Tensor
    truth: Tensor | None
    matched: Tensor | None
    seed: int

    @property
    def slice(self) -> Tensor:
        """The US slices without their neighbours, ``(N, 1, H, W)``."""
        middle = self.us.shape[1] // 2
        return self.us[:, middle : middle + 1]


@dataclass(frozen=True)
class Data:
    """What a run learns from; ``val_us`` and ``val_mr`` may be empty."""

    us: Pool
    mr: Pool
    val_us: Pool
    val_mr: Pool
    subjects: tuple[str, ...]


def pool(volumes: Iterable[slices.Slices], *, head: bool = False, truth: bool = False) -> Pool:
    """Put the slices of volumes behind each other.

    Args:
        volumes: of one atlas size; may be none.
        head: keep the masks too.
        truth: keep the truth too, if all volumes have one.

    Returns:
        All their slices.
    """
    known = list(volumes)
    if not known:
        return Pool(torch.zeros(0, 0, 0), *(torch.zeros(0),) * 3, torch.zeros(0, 2).long())
    ages = [torch.full((len(one),), one.header.ga_weeks) for one in known]
    first = np.cumsum([0, *(len(one) for one in known)])
    beside = [_beside(one) + row for one, row in zip(known, first, strict=False)]
    truths = [one.truth for one in known if one.truth is not None] if truth else []
    return Pool(
        torch.cat([torch.from_numpy(one.image) for one in known]),
        torch.cat([torch.from_numpy(one.plane) for one in known]),
        torch.cat([torch.from_numpy(one.index) for one in known]),
        torch.cat(ages).float(),
        torch.from_numpy(np.concatenate(beside)),
        torch.cat([torch.from_numpy(one.head) for one in known]) if head else None,
        torch.cat([torch.from_numpy(one) for one in truths]) if len(truths) == len(known) else None,
    )


def _beside(one: slices.Slices) -> NDArray[np.int64]:
    """Find the rows before and after each slice; see `Pool`."""
    places = list(zip(one.plane.tolist(), one.index.tolist(), strict=True))
    rows = {place: row for row, place in enumerate(places)}
    found = [
        [rows.get((plane, index + step), row) for step in (-1, 1)]
        for row, (plane, index) in enumerate(places)
    ]
    return np.array(found, np.int64)


def load(extracts: Iterable[Path], *, truth: bool = False, matched: Path | None = None) -> Data:
    """Read the slice files of train and val.

    Args:
        extracts: in any order; the result does not depend on it.
        truth: keep the true MR of training slices too; that of validation slices is always kept.
        matched: folder where `match` wrote the MR of the ultrasound volumes; None: not needed.

    Returns:
        Pools by modality and split, and all subjects seen.

    Raises:
        InputError: a file of another split, files of different atlas sizes, no training slice of
            a modality, or matched MR that is missing or of other slices.
    """
    paths = {slices.read_header(path).volume: path for path in extracts}
    volumes = [slices.read(paths[name]) for name in sorted(paths)]
    shapes = {one.image.shape[1:] for one in volumes}
    if len(shapes) > 1:
        raise InputError(
            "slice files",
            expected="slices of one size",
            found=" and ".join(str(shape) for shape in sorted(shapes)),
            do="Run `extract` again for all volumes.",
        )
    groups: dict[tuple[str, str], list[slices.Slices]] = {
        (modality, split): [] for modality in ("us", "mr") for split in ("train", "val")
    }
    for one in volumes:
        key = one.header.modality, one.header.split
        if key not in groups:
            raise InputError(
                str(paths[one.header.volume]),
                expected="a US or MR slice file of split train or val",
                found=f"modality {key[0]!r}, split {key[1]!r}",
                do="Leave test volumes out of training.",
            )
        groups[key].append(one)
    pools = {}
    for (modality, split), group in groups.items():
        judged = (modality, split) == ("us", "val")
        pools[modality, split] = pool(
            group, head=judged, truth=judged or (modality == "us" and truth)
        )
        if modality == "us" and matched is not None and group:
            found = [torch.from_numpy(match_of(one, matched)) for one in group]
            pools[modality, split] = replace(pools[modality, split], matched=torch.cat(found))
    for modality in ("us", "mr"):
        if not len(pools[modality, "train"]):
            raise InputError(
                "slice files",
                expected=f"at least one training slice of modality {modality}",
                found="none",
                do="Give the manifest such rows with split `train`, or lower"
                " `extract.min_head_fraction`.",
            )
    return Data(
        us=pools["us", "train"],
        mr=pools["mr", "train"],
        val_us=pools["us", "val"],
        val_mr=pools["mr", "val"],
        subjects=tuple(sorted({one.header.subject for one in volumes})),
    )


def match_of(us: slices.Slices, folder: Path) -> NDArray[np.float16]:
    """Read the MR that was matched to a volume.

    Args:
        us: the volume's slices.
        folder: where `match` wrote.

    Returns:
        ``(S, H, W)`` in [0, 1], in the order of the slices.

    Raises:
        InputError: there is none, or it is of other slices.
    """
    path = folder / f"{us.header.volume}.h5"
    found = slices.read(path)
    same = [np.array_equal(getattr(found, name), getattr(us, name)) for name in ("plane", "index")]
    if not all(same):
        raise InputError(
            str(path),
            expected=f"the {len(us)} slices of volume {us.header.volume}",
            found=f"{len(found)} others",
            do="Run `match` again after `extract`.",
        )
    return found.image


def lacks_match(run: str) -> InputError:
    """Say that a run needs matched MR and was given none."""
    return InputError(
        f"run {run}",
        expected="the folder of matched MR (--matched)",
        found="none",
        do="Run `blend` and `match` first, or leave the run out; the workflow does both by itself.",
    )


def draw(slices_known: int, count: int, generator: torch.Generator) -> Tensor:
    """Draw row numbers: every slice once in random order, then all again, until there are enough.

    Args:
        slices_known: number of rows, at least 1.
        count: numbers to draw.
        generator: where they come from; its state afterwards depends on the arguments only.

    Returns:
        ``(count,)`` int64 on the CPU.
    """
    rounds = -(-count // slices_known)
    order = [torch.randperm(slices_known, generator=generator) for _ in range(rounds)]
    return torch.cat(order)[:count]


def spread(slices_known: int, most: int) -> Tensor:
    """Choose rows evenly: ``(min(slices_known, most),)`` int64."""
    count = min(slices_known, most)
    return torch.arange(count) * slices_known // max(count, 1)
