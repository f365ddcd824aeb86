"""The files that make up an image; needs no library, since the workflow asks for every row."""

import re
from pathlib import Path

from ssus2mri.errors import InputError

_NO_IMAGE = (".txt", ".csv", ".json", ".xml", ".pdf", ".md", ".html", ".log", ".jpg", ".jpeg",
             ".png", ".ini", ".db", ".inf", ".exe", ".zip", ".yaml")  # fmt: skip
_NAMED = (
    re.compile(rb"^ElementDataFile\s*=\s*([^\r\n]+)", re.M),
    re.compile(rb"^data ?file:\s*([^\r\n]+)", re.M | re.I),
)


def members(folder: Path) -> list[Path]:
    """List the files of a DICOM folder: not hidden ones, an index, or notes beside the images.

    Returns:
        Files, by name.

    Raises:
        InputError: folders within it.
    """
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    inner = [path for path in entries if path.is_dir()]
    if inner:
        raise InputError(
            str(folder),
            expected="a folder with the files of one DICOM series",
            found=f"{len(inner)} folders within it ({inner[0].name})",
            do="Give the path of the folder that holds the series.",
        )
    return [
        path
        for path in entries
        if path.suffix.lower() not in _NO_IMAGE and path.name.upper() not in ("DICOMDIR", "README")
    ]


def parts(path: Path) -> list[Path]:
    """List the files whose change makes an image another one.

    Args:
        path: the image; it need not exist.

    Returns:
        The files in a folder, a header's data file beside it; else nothing.
    """
    try:
        if path.is_dir():
            return sorted(entry for entry in path.iterdir() if entry.is_file())
        if path.suffix.lower() in (".mhd", ".mha", ".nhdr", ".nrrd") and path.is_file():
            with path.open("rb") as file:
                head = file.read(2**16)
            for pattern in _NAMED:
                match = pattern.search(head)
                if match and match.group(1).strip().upper() != b"LOCAL":
                    data = path.parent / match.group(1).strip().decode("utf-8", "replace")
                    return [data] if data.is_file() else []
    except (OSError, ValueError):  # said by who reads it
        pass
    return []
