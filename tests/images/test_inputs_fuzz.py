"""Whatever stands in a header or table, the answer is an image, or one message: nothing else."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import phantom_inputs as phantom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phantom_kretz import kretz_file

from ssus2mri import manifest
from ssus2mri.config import strict, strict_yaml
from ssus2mri.errors import InputError
from ssus2mri.images import volume

BOUNDED = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # the same examples on every machine
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NUMBERS = st.sampled_from([0, -1, 1, 2**15, 2**31, 1e300, float("nan"), float("inf"), 1e-30])


def answered(path: Path) -> None:
    """Read; an image with finite voxels and spacing, or one message."""
    message = ""
    try:
        image = volume.read(path)
    except InputError as error:
        message = str(error)
    if message:
        assert str(path.parent) in message
        return
    assert np.isfinite(image.GetSpacing()).all()
    assert min(image.GetSpacing()) > 0


@BOUNDED
@given(at=st.integers(0, 347), raw=st.binary(min_size=1, max_size=8))
def test_nifti_header_of_any_bytes(tmp_path: Path, at: int, raw: bytes) -> None:
    answered(phantom.overwritten(at, raw)(tmp_path / "v.nii"))


@BOUNDED
@given(field=st.sampled_from([76, 80, 88, 108, 112, 280, 292, 256]), number=NUMBERS)
def test_nifti_fields_of_any_number(tmp_path: Path, field: int, number: float) -> None:
    with np.errstate(over="ignore"):
        raw = np.float32(number).tobytes()
    answered(phantom.overwritten(field, raw)(tmp_path / "v.nii"))


FIELDS = ["type", "dimension", "sizes", "endian", "encoding", "space", "space directions",
          "space origin", "space units", "data file", "line skip", "byte skip"]  # fmt: skip
TEXT = st.one_of(
    st.none(),
    st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"]), max_size=20),
    st.sampled_from(["1 2 3", "-1", "raw", "gzip", "none", "(1,0,0) (0,1,0) (0,0,1)", "nan", "x"]),
)


@BOUNDED
@given(lines=st.dictionaries(st.sampled_from(FIELDS), TEXT, min_size=1, max_size=3))
def test_nrrd_fields_of_any_text(tmp_path: Path, lines: dict[str, str | None]) -> None:
    answered(phantom.nrrd(tmp_path / "v.nrrd", lines=lines))


META = ["NDims", "DimSize", "ElementType", "ElementSpacing", "Offset", "TransformMatrix",
        "HeaderSize", "ElementDataFile", "CompressedData", "ElementNumberOfChannels"]  # fmt: skip


@BOUNDED
@given(lines=st.dictionaries(st.sampled_from(META), TEXT, min_size=1, max_size=3))
def test_meta_fields_of_any_text(tmp_path: Path, lines: dict[str, str | None]) -> None:
    answered(phantom.meta(tmp_path / "v.mha", lines=lines))


@BOUNDED
@given(at=st.integers(128, 900), raw=st.binary(min_size=1, max_size=6))
def test_dicom_file_of_any_bytes(tmp_path: Path, at: int, raw: bytes) -> None:
    path = phantom.enhanced(tmp_path / "v.dcm")
    data = bytearray(path.read_bytes())
    data[at : at + len(raw)] = raw
    path.write_bytes(data)
    answered(path)


@BOUNDED
@given(at=st.integers(0, 300), raw=st.binary(min_size=1, max_size=8), end=st.integers(0, 2000))
def test_kretz_file_of_any_bytes(tmp_path: Path, at: int, raw: bytes, end: int) -> None:
    angles = np.linspace(-0.5, 0.5, 12)
    data = bytearray(
        kretz_file(
            np.arange(12 * 12 * 12).reshape(12, 12, 12) % 200,
            step_mm=3.0,
            first_mm=30.0,
            axis_mm=10.0,
            theta=angles,
            phi=angles,
        )
    )
    data[at : at + len(raw)] = raw
    path = tmp_path / "v.vol"
    path.write_bytes(data[: len(data) - end])
    answered(path)


CELLS = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.sampled_from(["us", "mr", "train", "test", "auto", "23", "nan", "1e400", "23,5", "axial"]),
)


@BOUNDED
@given(
    rows=st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=5),
    raw=st.one_of(st.none(), st.binary(max_size=200)),
)
def test_table_of_any_cells(tmp_path: Path, rows: list[list[str]], raw: bytes | None) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["volume", "subject", "modality", "image", "ga_weeks", "split"])
    writer.writerows(rows)
    path = tmp_path / "manifest.csv"
    path.write_bytes(text.getvalue().encode() + (raw or b""))
    table, messages = manifest.load(path, val=0.1, test=0.2)
    assert messages
    assert all(str(path) in message for message in messages)
    if table is not None:
        assert all(10 <= row.ga_weeks <= 45 for row in table.rows.values())


@pytest.mark.parametrize("read", [strict.json_values, strict_yaml.yaml_values])
@BOUNDED
@given(text=st.one_of(st.text(max_size=40), st.just('{"a": 1, "a": 2}'), st.just('{"a": 1e400}')))
def test_settings_of_any_text(read: Any, text: str) -> None:
    try:
        values = read(text)
    except (ValueError, RecursionError):
        return
    assert finite(values)


def finite(values: Any) -> bool:
    if isinstance(values, dict):
        return all(map(finite, values.values()))
    if isinstance(values, list):
        return all(map(finite, values))
    return not isinstance(values, float) or bool(np.isfinite(values))
