"""Everything wrong with what a workflow is about to read, at once, before days are spent."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ssus2mri import flow, manifest
from ssus2mri.config import project
from ssus2mri.errors import InputError
from ssus2mri.images import geometry, volume
from ssus2mri.manifest import Manifest, Row
from ssus2mri.tissues import ATLAS_LABELS


def run_check(config: list[Path], manifest_path: str = "") -> tuple[list[str], str]:
    """Check configuration, manifest and images.

    Args:
        config: configuration files, later ones over earlier ones.
        manifest_path: manifest instead of the configured one; empty for that.

    Returns:
        A message for each problem, and what was checked, in words.
    """
    changes = {"manifest": manifest_path} if manifest_path else {}
    try:
        values, messages = project.load_files(config, **changes)
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
        messages += check_images(table) + flow.unknown_pathologies(settings, table)
        messages += flow.unmatchable(values, table)
        try:
            flow.choose_atlas(settings.atlas, table)
        except InputError as error:
            messages.append(str(error))
    rows = len(table.rows) if table else 0
    return messages, f"configuration, manifest and {rows} images"


def check_images(table: Manifest) -> list[str]:
    """Read every image, mask, transform and label volume of a manifest.

    Args:
        table: the manifest.

    Returns:
        A message for each that is wrong; simulated images are not read.
    """
    with ThreadPoolExecutor() as pool:  # the reading library releases the interpreter's lock
        return [
            message for found in pool.map(_row_problems, table.rows.values()) for message in found
        ]


def _row_problems(row: Row) -> list[str]:
    messages: list[str] = []
    if not row.simulated and not row.image.startswith("results/"):
        try:
            image = (
                volume.read_plane(Path(row.image), row.pixel_mm)
                if row.pixel_mm
                else volume.read(Path(row.image))
            )
            if row.mask:
                volume.read_mask(Path(row.mask), image)
        except InputError as error:
            messages.append(f"volume {row.volume}: {error}")
    try:
        if row.transform:
            geometry.read_transform(Path(row.transform))
        if row.labels and not row.labels.startswith("results/"):
            volume.read_labels(Path(row.labels), ATLAS_LABELS)
    except InputError as error:
        messages.append(f"volume {row.volume}: {error}")
    return messages
