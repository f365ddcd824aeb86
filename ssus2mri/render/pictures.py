"""Slices and their edges as pictures embedded in a page (data URIs).

Pictures are upright for a reader: axial slices have anterior at the top, coronal and sagittal ones
superior. In atlas space (`ssus2mri.slices`) the rows of an axial slice run from anterior to
posterior already; those of the others run from inferior to superior, so they are flipped. Columns
stay: the subject's right is at the left (axial, coronal), anterior is at the left (sagittal).
"""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ssus2mri.errors import InputError


def upright(image: NDArray[Any], plane: str) -> NDArray[Any]:
    """Orient slices as a reader expects them; see the module's docstring.

    Args:
        image: a slice in atlas space, or several, ``(..., H, W)``, any type.
        plane: axial, coronal or sagittal.

    Returns:
        View of the same shape.
    """
    return image if plane == "axial" else image[..., ::-1, :]


def grey(image: NDArray[Any]) -> str:
    """Encode a slice as a grey PNG, 0 black and 1 white whatever the slice contains.

    Args:
        image: ``(H, W)``, intensities in [0, 1].
    """
    scaled = np.clip(np.nan_to_num(image.astype(np.float32)), 0.0, 1.0) * 255.0
    return _uri(Image.fromarray(np.rint(scaled).astype(np.uint8)), "PNG", optimize=True)


def drawn(image: NDArray[Any]) -> str:
    """Encode a slice as a PNG: grey in [0, 1] ``(H, W)``, or colours, uint8 ``(H, W, 3)``."""
    return grey(image) if image.ndim == 2 else _uri(Image.fromarray(image), "PNG", optimize=True)


def edges(image: NDArray[Any], sigma_px: float) -> str:
    """Draw the edges of a slice on a transparent picture, as an overlay of other slices.

    Args:
        image: ``(H, W)``, intensities in [0, 1].
        sigma_px: smoothing before Canny's edges, pixels.

    Returns:
        Data URI of a PNG.
    """
    from skimage.feature import canny  # `predict` draws no edges

    lines = canny(image.astype(np.float32), sigma=sigma_px)
    picture = Image.fromarray(lines.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 255, 170, 0])
    return _uri(picture, "PNG", optimize=True, transparency=0)


def shrunk(path: Path, longest_px: int) -> str:
    """Read a picture and scale it down to embed it.

    Args:
        path: a PNG.
        longest_px: longest edge afterwards, pixels; smaller pictures keep their size.

    Returns:
        Data URI of a JPEG.

    Raises:
        InputError: missing, or no picture.
    """
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except (OSError, ValueError) as error:
        raise InputError(
            str(path), expected="a picture (PNG)", found=str(error), do="Run `align` again."
        ) from error
    picture.thumbnail((longest_px, longest_px), Image.Resampling.LANCZOS)
    return _uri(picture, "JPEG", quality=85, optimize=True)


def _uri(picture: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
