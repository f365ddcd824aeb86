"""Slices of many volumes in memory: slice files in, batches out."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import torch
from torch import Tensor

from ssus2mri import slices
from ssus2mri.errors import InputError


@dataclass(frozen=True)
class Pool:
    """Slices of one modality and split.

    ``image (S, H, W)`` float16 in [0, 1]; ``plane (S,)`` uint8, an index into `slices.PLANES`;
    ``index (S,)`` int16 in atlas space; ``ga_weeks (S,)`` float32.
    """

    image: Tensor
    plane: Tensor
    index: Tensor
    ga_weeks: Tensor

    def __len__(self) -> int:
        return len(self.image)

    def images(self, rows: Tensor) -> Tensor:
        """Give the images of some rows, ``(N, 1, H, W)`` float32."""
        return self.image[rows][:, None].float()

    def to(self, device: torch.device) -> "Pool":
        """Move to a device."""
        return Pool(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Data:
    """What a run learns from; ``val_us`` and ``val_mr`` may be empty."""

    us: Pool
    mr: Pool
    val_us: Pool
    val_mr: Pool
    subjects: tuple[str, ...]


def pool(volumes: Iterable[slices.Slices]) -> Pool:
    """Put the slices of volumes behind each other.

    Args:
        volumes: of one atlas size; may be none.

    Returns:
        All their slices.
    """
    known = list(volumes)
    if not known:
        return Pool(torch.zeros(0, 0, 0), *(torch.zeros(0),) * 3)
    ages = [torch.full((len(one),), one.header.ga_weeks) for one in known]
    return Pool(
        torch.cat([torch.from_numpy(one.image) for one in known]),
        torch.cat([torch.from_numpy(one.plane) for one in known]),
        torch.cat([torch.from_numpy(one.index) for one in known]),
        torch.cat(ages).float(),
    )


def load(extracts: Iterable[Path]) -> Data:
    """Read the slice files of train and val.

    Args:
        extracts: in any order; the result does not depend on it.

    Returns:
        Pools by modality and split, and all subjects seen.

    Raises:
        InputError: a file of another split, files of different atlas sizes, or no training slice
            of a modality.
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
    pools = {key: pool(group) for key, group in groups.items()}
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
