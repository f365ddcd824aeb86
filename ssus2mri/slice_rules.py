"""What a slice file may hold, whoever wrote it: names, numbers, shapes and types."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.base import file_name

DTYPES = {
    "image": "f",
    "head": "b",
    "truth": "f",
    "plane": "u",
    "index": "i",
    "labels": "u",
    "predicted_position": "f",
    "checksum": "u",
}
"""Kinds of numbers of each dataset."""
STACKS = ("image", "head", "truth", "labels")
SMALL = ("plane", "index", "predicted_position")
OPTIONAL = ("truth", "labels", "predicted_position")
MOST_SLICES, MOST_EDGE = 100_000, 4096
_SLACK = 1e-2
_TEXT = (
    *("volume", "subject", "modality", "split", "space", "run"),
    *("pathology", "certificate", "version"),
)


def header_fault(values: Mapping[str, Any]) -> str:
    """Find what is wrong with the attributes of a slice file.

    Args:
        values: by the names of `ssus2mri.slices.Header`.

    Returns:
        In words; empty: nothing.
    """
    for name in _TEXT:
        if name in values and not isinstance(values[name], str):
            return f"attribute {name} of type {type(values[name]).__name__}"
    for name in ("volume", "run", "pathology"):
        value = values.get(name, "")
        if not (value or name == "volume"):
            continue
        try:
            file_name(value)
        except ValueError as error:
            return f"attribute {name} {value!r}, not {error}"
    if not values["subject"].strip() or not values["subject"].isprintable():
        return f"attribute subject {values['subject']!r}"
    if values["modality"] not in ("us", "mr") or values["split"] not in ("train", "val", "test"):
        return f"modality {values['modality']!r} and split {values['split']!r}"
    for name in ("ga_weeks", "spacing_mm", "low", "high"):
        if not _is_number(values[name]):
            return f"attribute {name} {values[name]!r}"
    if not 0 < values["spacing_mm"] <= 20 or not 0 < values["ga_weeks"] <= 50:
        return f"spacing_mm {values['spacing_mm']:g} and ga_weeks {values['ga_weeks']:g}"
    size, origin = values["size"], values.get("origin_mm", (0.0,))
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_EDGE:
        return f"attribute size {size!r}"
    if not isinstance(origin, tuple) or not all(map(_is_number, origin)):
        return f"attribute origin_mm {origin!r}"
    return ""


def layout_fault(shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
    """Find what is wrong with the shapes and types of datasets, before they are read.

    Args:
        shapes: shape and type of each dataset.

    Returns:
        In words; empty: nothing.
    """
    image = shapes["image"][0]
    if len(image) != 3 or not 1 <= image[0] <= MOST_SLICES or not 1 <= max(image[1:]) <= MOST_EDGE:
        return f"dataset image of shape {image}"
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(STACKS, image)
    expected |= {"plane": image[:1], "index": image[:1], "predicted_position": (image[0], 2)}
    expected["checksum"] = (image[0], sum(name in shapes for name in STACKS))
    for name, (shape, dtype) in shapes.items():
        if shape != expected[name]:
            return f"dataset {name} of shape {shape}, not {expected[name]}"
        if dtype.kind not in {"b": "b", "i": "iu", "u": "iu", "f": "f"}[DTYPES[name]]:
            return f"dataset {name} of type {dtype}"
    return ""


def content_fault(name: str, array: NDArray[Any], size: int) -> str:
    """Find what is wrong with the numbers of a dataset.

    Args:
        name: of the dataset.
        array: its content.
        size: attribute ``size``.

    Returns:
        In words; empty: nothing.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"dataset {name} with {int((~np.isfinite(array)).sum())} NaN or infinite numbers"
    if not array.size:
        return ""
    low, high = float(array.min()), float(array.max())
    most = {"plane": 2.0, "index": size - 1.0, "image": 1.0 + _SLACK, "truth": 1.0 + _SLACK}
    least = -_SLACK if name in ("image", "truth") else 0.0
    if name in most and not least <= low <= high <= most[name]:
        return (
            f"dataset {name} with numbers from {low:g} to {high:g}, not {least:g} to {most[name]:g}"
        )
    return ""


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )
