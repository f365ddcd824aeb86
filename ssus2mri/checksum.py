"""Checksums of slice files, which reveal damage in whichever part of a file is read.

HDF5 notices a flipped byte within a compressed chunk, but neither in an attribute nor in a small
dataset. So a file holds a CRC32 of every slice, and a seal: the hash of these and of all the rest.
"""

import hashlib
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def of_slices(stack: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the checksum of every slice of a stack.

    Args:
        stack: ``(S, H, W)``, as it is stored.

    Returns:
        CRC32, ``(S,)``.
    """
    return np.array([zlib.crc32(np.ascontiguousarray(image).data) for image in stack], np.uint32)


def seal(attributes: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash what a slice file says of itself and of its slices.

    Returns:
        64 hexadecimal digits, the same for values before they are written and after.
    """
    plain = {name: _plain(value) for name, value in attributes.items()}
    content = hashlib.sha256(json.dumps(plain, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        content.update(f"{name} {array.dtype.str} {array.shape}".encode())
        content.update(array.tobytes())
    return content.hexdigest()


def _plain(value: Any) -> Any:
    """Return text unchanged, and numbers as HDF5 returns them."""
    return value if isinstance(value, str) else np.asarray(value).tolist()
