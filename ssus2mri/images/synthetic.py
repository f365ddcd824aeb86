"""What `predict` has written says so in its header: it must not be taken for a scan."""

from pathlib import Path

import SimpleITK as sitk

from ssus2mri.errors import InputError
from ssus2mri.images import nifti

MARK = "Synthetic, for research only, not for diagnosis"
_NOTE, _LETTERS = "ITK_FileNotes", 79  # NIfTI's `descrip`


def marked(image: sitk.Image, remark: str = "") -> sitk.Image:
    """Return an image whose header says what it is worth, after a remark of one's own."""
    copy = sitk.Image(image)
    copy.SetMetaData(_NOTE, f"{remark}{MARK}"[:_LETTERS])
    return copy


def is_synthetic(path: Path) -> bool:
    """Whether an image says that `predict` made it; one that cannot be read does not."""
    if not (path.is_file() and path.name.lower().endswith((".nii", ".nii.gz"))):
        return False
    try:
        return MARK in nifti.description(path)
    except (InputError, OSError):
        return False
