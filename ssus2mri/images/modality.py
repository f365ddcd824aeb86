"""The modality that a file states."""

from pathlib import Path

from ssus2mri.images import kretz, opening
from ssus2mri.images.files import members

OF_DICOM = {"US": "us", "IVUS": "us", "MR": "mr"}
"""The DICOM modalities that are ours; of others, such as OT (a screen shot), nothing is known."""


def said(path: Path) -> str:
    """Return the modality that a file states.

    Returns:
        ``us`` or ``mr``; empty: the file does not say, as most formats do not.
    """
    if path.is_dir():
        files = members(path)
        return said(files[0]) if files else ""
    with path.open("rb") as file:
        if file.read(len(kretz.MAGIC)) == kretz.MAGIC:
            return "us"
    if not opening.is_dicom(path):
        return ""
    from ssus2mri.images import dicom  # pydicom: only who reads DICOM pays for it

    return OF_DICOM.get(str(dicom.header(path).get("Modality", "")), "")
