"""All slices of a run, read from slice files and held in memory for training."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.learn.data.pool import Pool, pool
from ssus2mri.learn.data.slice_files import SliceFile, look, require_one_size
from ssus2mri.slices import Scaling

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Data:
    """All slices of a run; ``val_us`` and ``val_mr`` may be empty, ``us_scaling`` unknown."""

    us: Pool
    mr: Pool
    val_us: Pool
    val_mr: Pool
    subjects: tuple[str, ...]
    us_scaling: Scaling | None = None


def load(
    extracts: Iterable[Path],
    *,
    truth: bool = False,
    labels: bool = False,
    matched: Path | None = None,
) -> Data:
    """Read the slice files of train and val; volumes whose pose is uncertain are left out.

    Files are read one by one into their places: the peak is what is returned and one file.

    Args:
        extracts: in any order; the result does not depend on it.
        truth: whether to keep the true MR of training slices too; that of validation slices is
            always kept.
        labels: whether to keep the labels of the ultrasound.
        matched: folder where `match` wrote the MR of the ultrasound volumes; None: not needed.

    Returns:
        Pools by modality and split, and all subjects in them.

    Raises:
        InputError: a file of another split, files of different atlas sizes, no training slice of
            a modality, or matched MR that is missing or of other slices.
    """
    files = [look(path) for path in extracts]
    uncertain = sorted(file.header.volume for file in files if file.header.uncertain)
    if uncertain:
        logger.warning("not trained on, since their pose is uncertain: %s", ", ".join(uncertain))
    by_volume = {file.header.volume: file for file in files if not file.header.uncertain}
    certain = [by_volume[name] for name in sorted(by_volume)]
    require_one_size(certain)
    groups: dict[tuple[str, str], list[SliceFile]] = {
        (modality, split): [] for modality in ("us", "mr") for split in ("train", "val")
    }
    for file in certain:
        modality, split = file.header.modality, file.header.split
        if (modality, split) not in groups:
            raise InputError(
                str(file.path),
                expected="a US or MR slice file of split train or val",
                found=f"modality {modality!r}, split {split!r}",
                do="Leave test volumes out of training.",
            )
        groups[modality, split].append(file)
    pools = {}
    for (modality, split), group in groups.items():
        validated = (modality, split) == ("us", "val")
        pools[modality, split] = pool(
            (slices.read(file.path) for file in group),
            sum(file.count for file in group),
            head=validated,
            truth=validated or (modality == "us" and truth),
            labels=modality == "us" and labels,
            matched=matched if modality == "us" else None,
        )
    for modality in ("us", "mr"):
        if not len(pools[modality, "train"]):
            raise InputError(
                "slice files",
                expected=f"at least one training slice of modality {modality}",
                found=f"none; uncertain of their pose: {', '.join(uncertain)}"
                if uncertain
                else "none",
                do="Add such rows with split `train`, give a `transform` for those whose pose is"
                " uncertain, or lower `extract.min_head_fraction`.",
            )
    return Data(
        us=pools["us", "train"],
        mr=pools["mr", "train"],
        val_us=pools["us", "val"],
        val_mr=pools["mr", "val"],
        subjects=tuple(sorted({file.header.subject for file in certain})),
        us_scaling=groups["us", "train"][0].header.scaling,
    )


def missing_match(run: str) -> InputError:
    """Return the error of a run that needs matched MR and got none."""
    return InputError(
        f"run {run}",
        expected="the folder of matched MR (--matched)",
        found="none",
        do="Run `blend` and `match` first, or leave the run out; the workflow does both by itself.",
    )
