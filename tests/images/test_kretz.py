"""GE Voluson volumes: the simulator's beams, written as such a file, come back in their places."""

import struct
import time
from pathlib import Path

import numpy as np
import phantom_inputs as phantom
import pydicom
import pytest
import SimpleITK as sitk
from phantom_kretz import kretz_file

from ssus2mri.errors import InputError
from ssus2mri.images import kretz, volume
from ssus2mri.simulate.sound.beam import Fan

STEP, RADIUS, PIVOT = 0.5, 40.0, 25.0
FAN = Fan(
    surface_mm=np.array([3.0, -5.0, 8.0]),
    axes=np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    radius_mm=RADIUS,
    pivot_mm=PIVOT,
    step_mm=STEP,
    lateral_rad=0.02,
    elevation_rad=0.025,
    shape=(120, 50, 40),
)


def as_kretz(beams: np.ndarray, **changes: object) -> bytes:
    """Write beams of `FAN`, ``[depth, lateral, elevation]``."""
    angles = [
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(FAN.shape[1:], (FAN.lateral_rad, FAN.elevation_rad), strict=True)
    ]
    return kretz_file(
        beams.transpose(2, 1, 0),
        step_mm=STEP,
        first_mm=RADIUS,
        axis_mm=RADIUS - PIVOT,
        theta=angles[0],
        phi=-angles[1],  # the simulator counts elevation the other way
        **changes,  # type: ignore[arg-type]
    )


def spot(center: np.ndarray) -> np.ndarray:
    """Beams that show a ball of 3 mm about a point of the simulator's world."""
    index = np.indices(FAN.shape).reshape(3, -1).astype(np.float32)
    away = np.linalg.norm(FAN.points(index) - center[:, None], axis=0)
    return (250 * np.exp(-0.5 * (away / 1.5) ** 2)).reshape(FAN.shape)


def center_of(path: Path) -> np.ndarray:
    image = volume.read(path)
    array = sitk.GetArrayFromImage(image).astype(float)
    array[array < 25] = 0
    index = [(axis * array).sum() / array.sum() for axis in np.indices(array.shape)]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(index[::-1]))


@pytest.mark.slow
def test_landmarks_come_back_in_their_places_and_not_mirrored(tmp_path: Path) -> None:
    """Distances within 0.3 mm, by a rotation: a mirrored volume would need a reflection."""
    places = [(60, 25, 20), (30, 15, 12), (90, 35, 15), (70, 14, 30), (40, 36, 28)]
    true = np.array([FAN.points(np.array(p, np.float32)[:, None])[:, 0] for p in places])
    read = []
    for number, point in enumerate(true):
        path = tmp_path / f"{number}.vol"
        path.write_bytes(as_kretz(spot(point)))
        read.append(center_of(path))
    a, b = true - true.mean(axis=0), np.array(read) - np.mean(read, axis=0)
    left, _, right = np.linalg.svd(a.T @ b)
    rotation = left @ right
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert np.linalg.norm(a @ rotation - b, axis=1).max() < 0.3


def test_points_are_those_of_the_published_formula() -> None:
    fan = kretz.SweptFan(10.0, 0.5, 15.0, np.array([0.2]), np.array([0.1]))
    r, theta, phi = 50.0, 0.2, 0.1
    ras = np.array(
        [
            r * np.sin(theta),
            -(r * np.cos(theta) - 15) * np.sin(phi),
            15 * (1 - np.cos(phi)) + r * np.cos(theta) * np.cos(phi),
        ]
    )
    points = fan.points(np.array(r), np.array(theta), np.array(phi))
    np.testing.assert_allclose(points, ras * [-1, -1, 1])


def test_uneven_angles_are_interpolated(tmp_path: Path) -> None:
    theta, phi = np.linspace(-0.5, 0.5, 60), np.linspace(-0.4, 0.4, 40)
    bent = 0.5 * np.sin(theta * np.pi / 2 / 0.5 * 0.8) / np.sin(0.8 * np.pi / 2)
    r = 40 + 0.5 * np.arange(100)
    points = kretz.SweptFan(40, 0.5, 15, bent, phi).points(
        r[None, None], bent[None, :, None], phi[:, None, None]
    )
    away = np.linalg.norm(points - np.array([8.0, -6.0, 62.0]), axis=-1)
    beams = 250 * np.exp(-0.5 * (away / 1.5) ** 2)
    path = tmp_path / "a.v00"
    path.write_bytes(kretz_file(beams, step_mm=0.5, first_mm=40, axis_mm=15, theta=bent, phi=phi))
    assert np.linalg.norm(center_of(path) - [8.0, -6.0, 62.0]) < 0.3


def test_within_dicom(tmp_path: Path) -> None:
    raw = as_kretz(spot(FAN.points(np.array([60, 25, 20], np.float32)[:, None])[:, 0]))
    (tmp_path / "a.vol").write_bytes(raw)
    folder = tmp_path / "dcm"
    folder.mkdir()
    path = phantom.us_still(folder / "a.dcm")
    data = pydicom.dcmread(path)
    data.private_block(0x7FE1, "KRETZ_US", create=True)
    data[0x7FE10011] = pydicom.DataElement(0x7FE10011, "LO", "KRETZ_US")
    data[0x7FE11101] = pydicom.DataElement(0x7FE11101, "OB", raw + b"\0" * (len(raw) % 2))
    del data[0x7FE10010]
    data.save_as(path)
    expected = center_of(tmp_path / "a.vol")
    for place in (path, folder):
        np.testing.assert_allclose(center_of(place), expected, atol=1e-3)


BEAMS = np.full(FAN.shape, 30.0)
BEAMS[20:60] = 90
RAW = as_kretz(BEAMS)
BAD = {
    "compressed": (as_kretz(BEAMS, leave_out=(0xD0000001,)), "compression off"),
    "sequence": (RAW + as_kretz(BEAMS)[16:], "several in sequence"),
    "cut off": (RAW[:-9], "ends within an item"),
    "empty": (b"", "an empty file"),
    "only the magic": (b"KRETZFILE 1.0   ", "no item C000,0001"),
    "another file": (b"PK" + RAW, "no GE Voluson"),
    "absurd sizes": (
        as_kretz(BEAMS).replace(
            struct.pack("<HHIH", 0xC000, 1, 2, 120), struct.pack("<HHIH", 0xC000, 1, 2, 65535)
        ),
        "65535 x 50 x 40",
    ),
    "no angles": (as_kretz(BEAMS, leave_out=(0xC3000001,)), "no item C300,0001"),
    "metres": (RAW.replace(struct.pack("<d", STEP / 1000), struct.pack("<d", STEP)), "beams from"),
    "NaN": (RAW.replace(struct.pack("<d", STEP / 1000), struct.pack("<d", np.nan)), "beams from"),
    "an item longer than the file": (RAW + struct.pack("<HHI", 1, 1, 2**32 - 1), "ends within"),
}


@pytest.mark.parametrize("how", BAD)
def test_refused(tmp_path: Path, how: str) -> None:
    raw, match = BAD[how]
    path = tmp_path / "a.vol"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=match):
        volume.read(path)


@pytest.mark.slow
def test_usual_volume_is_read_in_seconds(tmp_path: Path) -> None:
    beams = np.random.default_rng(0).integers(0, 255, (150, 200, 200))
    angles = np.linspace(-0.6, 0.6, 200), np.linspace(-0.55, 0.55, 150)
    path = tmp_path / "a.vol"
    path.write_bytes(
        kretz_file(beams, step_mm=0.6, first_mm=40, axis_mm=15, theta=angles[0], phi=angles[1])
    )
    begun = time.process_time()
    volume.read(path)
    assert time.process_time() - begun < 5
