"""A GE Voluson file of any beams."""

import struct

import numpy as np


def kretz_file(
    beams: np.ndarray,
    *,
    step_mm: float,
    first_mm: float,
    axis_mm: float,
    theta: np.ndarray,
    phi: np.ndarray,
    leave_out: tuple[int, ...] = (),
) -> bytes:
    """Write beams ``[frame, beam, sample]`` as a GE Voluson file; angles from the middle, rad."""
    frames, lines, samples = beams.shape
    items = {
        0x00100001: b"a name",
        0xC0000001: struct.pack("<H", samples),
        0xC0000002: struct.pack("<H", lines),
        0xC0000003: struct.pack("<H", frames),
        0xC1000001: struct.pack("<d", step_mm / 1000),
        0xC2000001: struct.pack("<d", first_mm / step_mm),
        0xC2000002: struct.pack("<d", -axis_mm / step_mm),
        0xC3000002: (theta + np.pi / 2).astype("<f8").tobytes(),
        0xC3000001: (phi + np.pi / 2).astype("<f8").tobytes(),
        0xD0000001: beams.astype(np.uint8).tobytes(),
    }
    body = b"".join(
        struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(data)) + data
        for tag, data in items.items()
        if tag not in leave_out
    )
    return b"KRETZFILE 1.0   " + body
