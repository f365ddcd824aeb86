"""Transforms and grids.

A transform maps points of the image to points of the atlas ("image -> atlas", LPS mm), whoever
wrote it: `ssus2mri simulate` (the true pose), `align`, or the user. `resample` inverts it for ITK.
"""

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from ssus2mri.errors import InputError
from ssus2mri.files import unwritable, whole
from ssus2mri.images.messages import reason, require_file
from ssus2mri.images.quiet import overheard

LEAST_SCALE, MOST_SCALE = 0.2, 5.0
MOST_SHIFT_MM = 2000.0
"""What a transform of a fetal head to an atlas can be."""
LEAST_OVERLAP = 0.05
MOST_BYTES = 2**20
"""Of the file of a linear transform."""
_NUMBERS = re.compile(r"^(Parameters|FixedParameters):(.*)$", re.MULTILINE)


def read_transform(path: Path, dimensions: int = 3) -> sitk.Transform:
    """Read a linear transform that maps image points to atlas points.

    Args:
        path: an ITK transform file (``.tfm``, ``.txt``, ``.h5``).
        dimensions: 3 for a volume, 2 for a plane.

    Raises:
        InputError: unreadable, of another dimension, not linear, or not invertible.
    """
    expected = f"an invertible linear {dimensions}D ITK transform (rigid, similarity or affine)"
    do = "Save the transform again as .tfm; it must map image points to atlas points."
    require_file(path)
    if path.stat().st_size > MOST_BYTES:
        found = f"a file of {path.stat().st_size} bytes"
        raise InputError(str(path), expected=expected, found=found, do=do)
    try:
        transform, said = overheard(lambda: _with_warnings(path))
    except RuntimeError as error:
        raise InputError(str(path), expected=expected, found=reason(error), do=do) from error
    said = said or _cut_short(path, transform)
    if said:  # such as a second transform, which would be left out
        raise InputError(str(path), expected=expected, found=said, do=do)
    if transform.GetDimension() != dimensions or not transform.IsLinear():
        kind = f"{transform.GetDimension()}D {transform.GetName()}"
        raise InputError(str(path), expected=expected, found=kind, do=do)
    linear = matrix(transform)
    center = np.array(transform.TransformPoint((0.0,) * dimensions))
    if not (np.isfinite(linear).all() and np.isfinite(center).all()):
        raise InputError(str(path), expected=expected, found="numbers not finite", do=do)
    scales = np.linalg.svd(linear, compute_uv=False)
    determinant = float(np.linalg.det(linear))
    if scales.min() < 1e-6:
        found = f"a singular matrix (determinant {determinant:.3g})"
        raise InputError(str(path), expected=expected, found=found, do=do)
    if determinant < 0:
        found = f"a mirrored image (determinant {determinant:.3g}): left would become right"
        raise InputError(str(path), expected=expected, found=found, do=do)
    if not LEAST_SCALE <= scales.min() <= scales.max() <= MOST_SCALE:
        found = f"lengths times {scales.min():.3g} to {scales.max():.3g}"
        expected += f" that scales by {LEAST_SCALE:g} to {MOST_SCALE:g}"
        raise InputError(str(path), expected=expected, found=found, do=do)
    if np.abs(center).max() > MOST_SHIFT_MM:
        found = f"a shift of {np.abs(center).max():.3g} mm"
        expected += f" that moves by {MOST_SHIFT_MM:g} mm at most"
        raise InputError(str(path), expected=expected, found=found, do=do)
    return transform


def _cut_short(path: Path, transform: sitk.Transform) -> str:
    """Say what is missing in a text file, of which the library takes what is there."""
    text = path.read_bytes().decode("latin-1")
    if not text.startswith("#Insight Transform"):
        return ""
    counts = {name: len(words.split()) for name, words in _NUMBERS.findall(text)}
    least = transform.GetNumberOfFixedParameters()
    least -= transform.GetName() == "Euler3DTransform"  # before ITK 4 these had no flag of order
    for name, expected in (
        ("Parameters", transform.GetNumberOfParameters()),
        ("FixedParameters", least),
    ):
        if counts.get(name, -1) < expected:
            return f"{counts.get(name, 0)} of {expected} numbers in `{name}`"
    return "" if text.endswith("\n") else "a last line without an end: it was cut short"


def _with_warnings(path: Path) -> sitk.Transform:
    sitk.ProcessObject.SetGlobalWarningDisplay(True)
    try:
        return sitk.ReadTransform(str(path))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(False)


def require_overlap(path: Path, overlap: float) -> None:
    """Refuse a transform that brings a head to where the atlas has none.

    Args:
        path: of the transform, for messages.
        overlap: of the two heads (Dice), 0 to 1.

    Raises:
        InputError: next to none.
    """
    if not overlap >= LEAST_OVERLAP:
        raise InputError(
            str(path),
            expected=f"a transform that lays the head over the atlas's (overlap {LEAST_OVERLAP:g})",
            found=f"an overlap of {overlap:.3f}",
            do="It must map image points to atlas points; it may be the inverse.",
        )


def write_transform(transform: sitk.Transform, path: Path) -> None:
    """Write a transform that maps image points to atlas points, whole or not at all."""
    with whole(path) as partial:
        try:
            sitk.WriteTransform(transform, str(partial))
            written = sitk.ReadTransform(str(partial)).GetParameters()
        except RuntimeError as error:
            raise unwritable(path, error) from error
        # On a full disk the library writes half of a file and says nothing.
        if not np.array_equal(written, transform.GetParameters()):
            raise unwritable(path, OSError("the file does not hold what was written to it"))


def matrix(transform: sitk.Transform) -> NDArray[np.float64]:
    """Return the linear part of a transform, ``(D, D)``, from where it sends the unit vectors."""
    dimension = transform.GetDimension()
    zero = np.array(transform.TransformPoint((0.0,) * dimension))
    columns = [np.array(transform.TransformPoint(tuple(e))) - zero for e in np.eye(dimension)]
    return np.stack(columns, axis=1)


def rotation(transform: sitk.Transform) -> NDArray[np.float64]:
    """Return the linear part of a 3D similarity transform without its scale, ``(3, 3)``."""
    linear = matrix(transform)
    return linear / np.cbrt(np.linalg.det(linear))


def resample(
    image: sitk.Image, like: sitk.Image, to_like: sitk.Transform, *, nearest: bool = False
) -> sitk.Image:
    """Resample an image onto another grid; 0 outside.

    Before linear interpolation onto a coarser grid the image is blurred: fine speckle would alias.

    Args:
        image: what to resample.
        like: its grid is taken, not its voxels.
        to_like: maps points of ``image`` to points of ``like``.
        nearest: nearest neighbour (masks, labels) instead of linear.

    Returns:
        Image on the grid of ``like``, pixel type of ``image``.
    """
    if nearest:
        return sitk.Resample(image, like, to_like.GetInverse(), sitk.sitkNearestNeighbor, 0.0)
    scale = abs(np.linalg.det(matrix(to_like))) ** (1 / image.GetDimension())
    fine = _blurred(image, max(like.GetSpacing()) / scale)
    return sitk.Resample(fine, like, to_like.GetInverse(), sitk.sitkLinear, 0.0)


def _blurred(image: sitk.Image, spacing_mm: float) -> sitk.Image:
    """Blur an image by what separates its voxels from larger ones, axis by axis.

    A voxel is taken for a Gaussian of 0.4 of its edge, so the blur is the difference of two such:
    ``0.4 sqrt(new^2 - old^2)``. Nothing happens where the new voxels are hardly larger.
    """
    old = np.array(image.GetSpacing())
    sigma = 0.4 * np.sqrt(np.maximum(spacing_mm**2 - old**2, 0.0))
    if not (sigma > 0.25 * old).any():
        return image
    return sitk.DiscreteGaussian(image, (sigma**2).tolist(), maximumKernelWidth=64)


def grid(size: int, spacing_mm: float, center_mm: tuple[float, float, float]) -> sitk.Image:
    """Make an empty cubic grid whose axes are those of the world (LPS).

    Args:
        size: voxels along each edge.
        spacing_mm: edge of a voxel, mm.
        center_mm: world point in the middle of the cube.

    Returns:
        3D uint8 image of zeros.
    """
    image = sitk.Image([size] * 3, sitk.sitkUInt8)
    image.SetSpacing([spacing_mm] * 3)
    image.SetOrigin([c - (size - 1) / 2 * spacing_mm for c in center_mm])
    return image


def from_array(array: NDArray, like: sitk.Image) -> sitk.Image:
    """Return an array ``[z, y, x]`` (or ``[y, x]``) with the geometry of an image of its size."""
    image = sitk.GetImageFromArray(array)
    image.CopyInformation(like)
    return image
