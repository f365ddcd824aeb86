"""Messages about images that are refused."""

from pathlib import Path

from ssus2mri.errors import InputError

READABLE = (
    "NIfTI, NRRD, MHA/MHD, DICOM, a GE Voluson volume (.vol, .v00), or a PNG, TIFF or DICOM plane"
)


def unreadable(path: Path, why: str) -> InputError:
    """Say that a file is not what its ending says."""
    is_result = path.parts[:1] == ("results",)
    return InputError(
        str(path),
        expected="a whole file of the kind that its ending says",
        found=f"one that cannot be read ({why})",
        do="Delete it and start again, which makes it anew."
        if is_result
        else "It may be truncated or renamed: copy or export it again.",
    )


def lacks(path: Path, what: str, do: str) -> InputError:
    """Say that a file does not say what a reader would have to guess."""
    return InputError(
        str(path), expected=f"{what} in the file", found="none, and none is guessed", do=do
    )


def contradicts(path: Path, what: str, found: str) -> InputError:
    """Say that two statements of a file, or of a file and the table, exclude each other."""
    return InputError(
        str(path),
        expected=f"one {what}",
        found=found,
        do="Find out which is right, and correct the other.",
    )


def bad_spacing(path: Path, spacing: tuple[float, ...]) -> InputError:
    """Say that a spacing cannot be true."""
    return InputError(
        str(path),
        expected="a voxel spacing of 0.02 to 20 mm along every axis",
        found=f"spacing {rounded(spacing)} mm",
        do="Write the true spacing, in mm, into the image's header.",
    )


def not_finite(path: Path, count: int) -> InputError:
    """Say that voxels are NaN or infinite."""
    return InputError(
        str(path),
        expected="finite voxels",
        found=f"{count} NaN or infinite voxels",
        do="Replace them (by 0 outside the scan) and save the image again.",
    )


def several_values(
    path: Path, count: int, what: str = "components (a colour image?)"
) -> InputError:
    """Say that a voxel holds more than one number."""
    return InputError(
        str(path),
        expected="one grey value per voxel",
        found=f"{count} {what}",
        do="Convert it to grey.",
    )


def require_file(path: Path) -> None:
    """Refuse a path that is no file.

    Raises:
        InputError: no such file, or an empty one.
    """
    do = "Correct the path; in a manifest it is relative to the manifest."
    try:
        missing = not path.is_file()
        empty = not missing and path.stat().st_size == 0
    except (OSError, ValueError) as error:  # a name too long, a NUL in it, a folder not to be read
        raise InputError(str(path), expected="a file", found=str(error), do=do) from error
    if missing or empty:
        found = "an empty file" if empty else "no such file"
        raise InputError(str(path), expected="a file", found=found, do=do)


def rounded(values: tuple[float, ...]) -> tuple[float, ...]:
    """Round for a message."""
    return tuple(float(f"{value:.5g}") for value in values)


def reason(error: BaseException) -> str:
    """Return the last line of a library's message, which holds the reason."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].removeprefix("ITK ERROR: ")[:160] if lines else type(error).__name__
