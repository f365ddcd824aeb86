"""Report everything wrong with the inputs of a workflow at once, before days are spent on it.

Headers are read first and voxels block by block, so that a table of any size needs little memory.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ssus2mri import manifest, plan, subjects
from ssus2mri.config import project
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.images.grid import Grid
from ssus2mri.images.stored import Facts
from ssus2mri.manifest import SIMULATED, Manifest, Row
from ssus2mri.tissues import ATLAS_LABELS

logger = logging.getLogger(__name__)
WORKERS = 2
LEAST_VOXELS = 2**12
"""Smaller images are trials: two of the same pixels are told, not refused."""
MOST_LABELS = 32
"""Whole numbers that labels or a mask have; scans have more grey values."""


@dataclass(frozen=True)
class Seen:
    """What a row's files are like: messages, and a number of the pixels, if they were read."""

    messages: list[str]
    content: tuple[int, int] | None


def run_check(config: list[Path], manifest_path: str, *, base: Path) -> tuple[list[str], str]:
    """Check configuration, manifest and images.

    Args:
        config: configuration files, later ones over earlier ones.
        manifest_path: manifest instead of the configured one; empty for that.
        base: the complete configuration that the workflow lays them over.

    Returns:
        A message for each problem, and what was checked, in words.
    """
    changes = {"manifest": manifest_path} if manifest_path else {}
    try:
        values, messages = project.load_files(_over_base(config, base), **changes)
    except InputError as error:
        return [str(error)], "configuration"
    settings, _ = project.load(values)
    if settings is None:
        return messages, "configuration"
    table, more = manifest.load(
        Path(settings.manifest), val=settings.split.val, test=settings.split.test
    )
    messages += more
    if table is not None:
        messages += check_images(table, Path(settings.manifest))
        tell_ages(table, settings.predict.ages_weeks)
        messages += plan.unknown_pathologies(settings, table)
        messages += plan.unmatchable(values, table)
        try:
            plan.choose_atlas(settings.atlas, table)
        except InputError as error:
            messages.append(str(error))
    rows = len(table.rows) if table else 0
    return messages, f"configuration, manifest and {rows} images"


def _over_base(config: list[Path], base: Path) -> list[Path]:
    given = {path.resolve() for path in config}
    is_needed = not config or (base.is_file() and base.resolve() not in given)
    return [base, *config] if is_needed else config


def check_images(table: Manifest, path: Path) -> list[str]:
    """Read every image, mask, transform and label volume of a manifest.

    Returns:
        A message for each that is wrong; what the workflow makes is not read.
    """
    outputs = generated(table)
    with ThreadPoolExecutor(WORKERS) as pool:
        seen = list(pool.map(lambda row: _row(row, outputs), table.rows.values()))
    contents = {
        row.volume: (row_seen.content, row.subject)
        for row, row_seen in zip(table.rows.values(), seen, strict=True)
        if row_seen.content is not None
    }
    large = {
        name: value for name, value in contents.items() if value[0] and value[0][0] >= LEAST_VOXELS
    }
    small = {name: value for name, value in contents.items() if name not in large}
    for message in subjects.same_content(path, small, "pixels", column="volume"):
        logger.warning("%s", message)
    files = [message for row_seen in seen for message in row_seen.messages]
    return files + subjects.same_content(path, large, "pixels", column="volume")


def tell_ages(table: Manifest, ages_weeks: tuple[float, float]) -> None:
    """Warn of ages at which nothing was measured: they may be mistakes, and are not refused."""
    low, high = ages_weeks
    odd = [row for row in table.rows.values() if not low <= row.ga_weeks <= high]
    if odd:
        names = ", ".join(f"{row.volume} ({row.ga_weeks:g})" for row in odd[:5])
        logger.warning(
            "ga_weeks outside %g to %g, where alignment and prediction are measured: %s%s",
            low,
            high,
            names,
            f" and {len(odd) - 5} more" if len(odd) > 5 else "",
        )


def generated(table: Manifest) -> set[str]:
    """List the files that the workflow makes and a row may name.

    Returns:
        Paths relative to the working directory.
    """
    paths: set[str] = set()
    for name, row in table.rows.items():
        if row.simulated:
            paths |= {f"{SIMULATED}{name}{end}.nii.gz" for end in ("", "_labels", "_truth")}
            paths.add(f"{SIMULATED}{name}_pose.tfm")
        paths |= {f"results/crop/{name}{end}.nii.gz" for end in ("", "_mask")}
        paths |= {f"results/align/{name}{end}" for end in (".nii.gz", ".tfm")}
    return paths


def _row(row: Row, outputs: set[str]) -> Seen:
    """Look at a row's files; whatever happens there, the other rows are looked at."""
    messages: list[str] = []
    content: tuple[int, int] | None = None
    grid: Grid | None = None

    def attempt(work):  # type: ignore[no-untyped-def]
        try:
            return work()
        except InputError as error:
            messages.append(f"volume {row.volume}: {error}")
        except Exception as error:
            logger.debug("volume %s", row.volume, exc_info=True)
            messages.append(
                f"volume {row.volume}: a fault of this program ({type(error).__name__}:"
                f" {str(error)[:200]}). Please report it, with what --debug shows."
            )
        return None

    if row.image not in outputs:
        looked = attempt(lambda: _image(row))
        if looked:
            grid, facts = looked
            content = (grid.count, facts.content)
            attempt(lambda: _require_grey(Path(row.image), grid, facts))
            attempt(lambda: volume.require_modality(Path(row.image), row.modality))
    if row.mask and row.mask not in outputs and (grid is not None or not Path(row.mask).exists()):
        attempt(lambda: volume.examine_mask(Path(row.mask), grid, plane=bool(row.plane)))
    if row.transform and row.transform not in outputs:
        attempt(lambda: geometry.read_transform(Path(row.transform), 2 if row.plane else 3))
    if row.labels and row.labels not in outputs:
        like = None if row.simulated else grid
        attempt(lambda: volume.examine_labels(Path(row.labels), ATLAS_LABELS, like))
    return Seen(messages, content)


def _image(row: Row) -> tuple[Grid, Facts]:
    path = Path(row.image)
    if row.plane:
        return volume.examine_plane(path, row.pixel_mm, row.frame)
    return volume.examine(path)


def _require_grey(path: Path, grid: Grid, facts: Facts) -> None:
    """Refuse labels and masks that are given as an image."""
    whole = all(level.is_integer() for level in facts.levels)
    if whole and len(facts.levels) <= MOST_LABELS and grid.count >= LEAST_VOXELS:
        raise InputError(
            str(path),
            expected="the grey values of a scan",
            found=f"{len(facts.levels)} whole numbers, as labels or a mask have",
            do="Name the scan in column image; labels and masks have columns of their own.",
        )
