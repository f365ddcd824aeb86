"""What `predict` has written says so in its header: it must not be taken for a scan."""

from pathlib import Path

from ssus2mri.errors import InputError
from ssus2mri.images import nifti

MARK = "Synthetic, for research only, not for diagnosis"


def is_synthetic(path: Path) -> bool:
    """Whether an image says that `predict` made it; one that cannot be read does not."""
    if not (path.is_file() and path.name.lower().endswith((".nii", ".nii.gz"))):
        return False
    try:
        return MARK in nifti.description(path)
    except (InputError, OSError):
        return False
