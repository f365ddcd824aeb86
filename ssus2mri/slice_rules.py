"""Rules for the content of a slice file, whoever wrote it: names, numbers, shapes and types."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ssus2mri.config.values import FORMULAS, file_name
from ssus2mri.images.grid import MOST_PLACE_MM
from ssus2mri.images.raw import LEAST_SUSPECT, MOST_SAVING
from ssus2mri.tissues import Tissue

DTYPES = {
    "image": "f",
    "head": "b",
    "truth": "f",
    "plane": "u",
    "index": "i",
    "labels": "u",
    "predicted_position": "f",
    "spread": "f",
    "checksum": "u",
}
"""Kinds of numbers of each dataset."""
STACKS = ("image", "head", "truth", "labels", "spread")
SMALL = ("plane", "index", "predicted_position")
OPTIONAL = ("truth", "labels", "predicted_position", "spread")
MOST_SLICES, MOST_EDGE = 100_000, 1024
MOST_VALUES = 2**29
"""Numbers of a dataset: three planes of 512 slices of 512 x 512 are fewer."""
MOST_SUBJECT = 200
_SLACK = 1e-2
_TEXT = (
    *("volume", "subject", "modality", "split", "space", "run"),
    *("pathology", "certificate", "version"),
)


def header_fault(values: Mapping[str, Any]) -> str:
    """Find what is wrong with the attributes of a slice file.

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
    subject = values["subject"]
    is_name = subject.strip() and subject.isprintable() and len(subject) <= MOST_SUBJECT
    if not is_name or subject.startswith(FORMULAS):
        return f"attribute subject {subject[:MOST_SUBJECT]!r}"
    if values["modality"] not in ("us", "mr") or values["split"] not in ("train", "val", "test"):
        return f"modality {values['modality']!r} and split {values['split']!r}"
    for name in ("ga_weeks", "spacing_mm", "low", "high"):
        if not _is_number(values[name]):
            return f"attribute {name} {values[name]!r}"
    if not 0 < values["spacing_mm"] <= 20 or not 0 < values["ga_weeks"] <= 50:
        return f"spacing_mm {values['spacing_mm']:g} and ga_weeks {values['ga_weeks']:g}"
    size, origin = values["size"], values.get("origin_mm", (0.0,) * 3)
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= MOST_EDGE:
        return f"attribute size {size!r}"
    is_point = isinstance(origin, tuple) and len(origin) in (2, 3) and all(map(_is_place, origin))
    if not is_point:
        return f"attribute origin_mm {origin!r}"
    percentiles = values.get("percentiles", (0.0, 100.0))
    is_range = isinstance(percentiles, tuple) and len(percentiles) == 2
    if not is_range or not all(_is_number(value) for value in percentiles):
        return f"attribute percentiles {percentiles!r}"
    if not _is_number(values.get("depth_mm", 0.0)):
        return f"attribute depth_mm {values['depth_mm']!r}"
    if not isinstance(values.get("uncertain", False), bool):
        return f"attribute uncertain {values['uncertain']!r}"
    if not values["low"] < values["high"]:
        return f"greys from {values['low']:g} to {values['high']:g}"
    return ""


def layout_fault(shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> str:
    """Find what is wrong with the shapes and types of datasets, before they are read.

    Returns:
        In words; empty: nothing.
    """
    image = shapes["image"][0]
    if len(image) != 3 or not 1 <= image[0] <= MOST_SLICES or not 1 <= max(image[1:]) <= MOST_EDGE:
        return f"dataset image of shape {image}"
    expected: dict[str, tuple[int, ...]] = dict.fromkeys(STACKS, image)
    expected |= {"plane": image[:1], "index": image[:1], "predicted_position": (image[0], 2)}
    expected["checksum"] = (image[0], sum(name in shapes for name in STACKS))
    if math.prod(image) > MOST_VALUES:
        return f"dataset image of shape {image}, more than any machine"
    for name, (shape, dtype) in shapes.items():
        if shape != expected[name]:
            return f"dataset {name} of shape {shape}, not {expected[name]}"
        if dtype.kind not in {"b": "b", "i": "iu", "u": "iu", "f": "f"}[DTYPES[name]]:
            return f"dataset {name} of type {dtype}"
    return ""


def storage_fault(claimed: int, stored: int) -> str:
    """Find images that claim more than their file can hold.

    Returns:
        In words; empty: nothing.
    """
    if claimed > max(LEAST_SUSPECT, MOST_SAVING * stored):
        return f"dataset image of {claimed} bytes in {stored} of the file"
    return ""


def content_fault(name: str, array: NDArray[Any], size: int) -> str:
    """Find what is wrong with the numbers of a dataset.

    Returns:
        In words; empty: nothing.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return f"dataset {name} with {int((~np.isfinite(array)).sum())} NaN or infinite numbers"
    if not array.size:
        return ""
    low, high = float(array.min()), float(array.max())
    most = {
        "plane": 2.0,
        "index": size - 1.0,
        "labels": float(max(Tissue)),
        "image": 1.0 + _SLACK,
        "truth": 1.0 + _SLACK,
        "spread": 1.0 + _SLACK,
    }
    least = -_SLACK if name in ("image", "truth") else 0.0
    if name in most and not least <= low <= high <= most[name]:
        return (
            f"dataset {name} with numbers from {low:g} to {high:g}, not {least:g} to {most[name]:g}"
        )
    return ""


def _is_place(value: Any) -> bool:
    return _is_number(value) and abs(value) <= MOST_PLACE_MM


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )
