"""Files made to hurt, and the commands that read them."""

import gzip
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import phantom_inputs as phantom
from conftest import CONFIG
from phantom_learn import some_slices

from ssus2mri import slices

ABOUT = ("--row=modality=us ga_weeks=23", f"--settings={CONFIG}")
CROP = (*ABOUT, "--out=out/o.nii.gz", "--out-mask=out/m.nii.gz")
PLANE = ("--row=modality=us ga_weeks=23 plane=axial pixel_mm=0.2",)  # in place of the row of ABOUT
GIB = 2**30


def zeros(count: int) -> bytes:
    """Return so many zero bytes, compressed by gzip, without having them in memory."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(2**20)
    parts = [packer.compress(block) for _ in range(count // 2**20)]
    return b"".join([*parts, packer.flush()])


def nifti_header(path: Path, size: tuple[int, ...], *, start: float = 352) -> bytes:
    """Return the header of a NIfTI file that claims a size."""
    raw = bytearray(phantom.nifti(path).read_bytes()[:352])
    raw[40:56] = struct.pack("<8h", len(size), *size, *([1] * (7 - len(size))))
    raw[70:74] = struct.pack("<2h", 4, 16)
    raw[108:112] = struct.pack("<f", start)
    for axis, count in enumerate(size):  # spacing, so that the extent is that of a head
        raw[80 + 4 * axis : 84 + 4 * axis] = struct.pack("<f", 200 / count)
        row = [0.0] * 4
        row[axis] = 200 / count
        raw[280 + 16 * axis : 296 + 16 * axis] = struct.pack("<4f", *row)
    return bytes(raw)


def slice_file(folder: Path, spoil: Callable[[h5py.File], None]) -> list[str]:
    slices.write(some_slices("us-1", split="test"), folder / "us-1.h5")
    with h5py.File(folder / "us-1.h5", "a") as file:
        spoil(file)
    return [
        "register",
        "us-1.h5",
        "--references=us-1.h5",
        "--out=out/o.csv",
        f"--settings={CONFIG}",
    ]


def claim_of_terabytes(file: h5py.File) -> None:
    del file["image"]
    file.create_dataset("image", (10**6, 1024, 1024), np.float16, chunks=(1, 1024, 1024))


def hdf5_link(file: h5py.File) -> None:
    del file["image"]
    file["image"] = h5py.ExternalLink("/etc/passwd", "/image")


def hdf5_circle(file: h5py.File) -> None:
    del file["image"]
    file["image"] = h5py.SoftLink("/head")
    del file["head"]
    file["head"] = h5py.SoftLink("/image")


def hdf5_filter_bomb(file: h5py.File) -> None:
    """A gigabyte of zeros that is there, compressed to a megabyte."""
    for name in ("image", "head"):
        del file[name]
    image = file.create_dataset(
        "image", (500, 1024, 1024), np.float16, chunks=(1, 1024, 1024), compression="gzip"
    )
    for number in range(len(image)):
        image[number] = 0
    file["head"] = np.zeros((500, 1, 1), bool)


def written(folder: Path, name: str, content: bytes, *more: str) -> list[str]:
    (folder / name).write_bytes(content)
    return ["crop", name, *CROP, *more]


def nifti_of_terabytes(folder: Path) -> list[str]:
    return written(folder, "v.nii", nifti_header(folder / "x.nii", (9000, 9000, 9000)))


def nifti_bomb(folder: Path) -> list[str]:
    header = nifti_header(folder / "x.nii", (640, 640, 640))
    return written(folder, "v.nii.gz", gzip.compress(header) + zeros(640**3 * 2))


def nifti_far_start(folder: Path) -> list[str]:
    """Its voxels begin after eight gigabytes of nothing."""
    header = nifti_header(folder / "x.nii", (24, 28, 22), start=8.0 * GIB)
    return written(folder, "v.nii.gz", gzip.compress(header) + 128 * zeros(GIB // 16))


def nrrd_bomb(folder: Path) -> list[str]:
    size = 640
    lines = {"encoding": "gzip", "sizes": f"{size} {size} {size}"}
    lines["space directions"] = "(0.3,0,0) (0,0.3,0) (0,0,0.3)"
    phantom.nrrd(folder / "v.nrrd", lines=lines, data=zeros(size**3 * 2))
    return ["crop", "v.nrrd", *CROP]


def nrrd_as_text(folder: Path) -> list[str]:
    """Two hundred megabytes of numbers, for 14,784 voxels."""
    lines = {"encoding": "ascii"}
    phantom.nrrd(folder / "v.nrrd", lines=lines, data=b"1 " * 10**8)
    return ["crop", "v.nrrd", *CROP]


def pipe(folder: Path, name: str) -> list[str]:
    os.mkfifo(folder / name)
    return ["crop", name, *CROP]


def pipe_behind_a_header(folder: Path) -> list[str]:
    os.mkfifo(folder / "v.raw")
    phantom.meta(folder / "v.mhd", lines={"ElementDataFile": "v.raw"}, data=b" ")
    return ["crop", "v.mhd", *CROP]


def endless_device(folder: Path) -> list[str]:
    phantom.meta(folder / "v.mhd", lines={"ElementDataFile": "/dev/zero"}, data=b" ")
    return ["crop", "v.mhd", *CROP]


def links_in_a_circle(folder: Path) -> list[str]:
    (folder / "a.nii.gz").symlink_to("b.nii.gz")
    (folder / "b.nii.gz").symlink_to("a.nii.gz")
    return ["crop", "a.nii.gz", *CROP]


def unrelated_files(folder: Path) -> list[str]:
    for number in range(10_000):
        (folder / "dicom").mkdir(exist_ok=True)
        (folder / "dicom" / f"{number}.bin").write_bytes(b"nothing")
    return ["crop", "dicom", *CROP]


def png(folder: Path, width: int, height: int) -> list[str]:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * min(height, 5000)), 9)
    content = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )
    return written(folder, "p.png", content, *PLANE)


def tiff_of_pages_in_a_circle(folder: Path) -> list[str]:
    entries = struct.pack("<H", 1) + struct.pack("<2H2I", 256, 3, 1, 64) + struct.pack("<I", 8)
    return written(folder, "p.tif", b"II*\0" + struct.pack("<I", 8) + entries, *PLANE)


def dicom_of_frames(folder: Path) -> list[str]:
    path = phantom.enhanced(folder / "v.dcm")
    raw = path.read_bytes().replace(
        b"\x28\x00\x08\x00IS\x02\x0022", b"\x28\x00\x08\x00IS\x02\x0099"
    )
    return written(folder, "v.dcm", raw)


def yaml_of_aliases(folder: Path) -> list[str]:
    lines = ["a0: &a0 [x, x]", *(f"a{k}: &a{k} [*a{k - 1}, *a{k - 1}]" for k in range(1, 60))]
    (folder / "mine.yaml").write_text("\n".join(lines))
    return ["check", str(CONFIG), "mine.yaml"]


def yaml_nested(folder: Path) -> list[str]:
    (folder / "mine.yaml").write_text("a: " + "{a: " * 100_000)
    return ["check", str(CONFIG), "mine.yaml"]


def manifest_of_one_line(folder: Path) -> list[str]:
    (folder / "m.csv").write_text("volume,subject,modality,image,ga_weeks,split\n" + "x" * 10**8)
    return ["check", str(CONFIG), "--manifest=m.csv"]


def manifest_without_end(folder: Path) -> list[str]:
    return ["check", str(CONFIG), "--manifest=/dev/zero"]


def settings_nested(folder: Path) -> list[str]:
    phantom.nifti(folder / "v.nii")
    return ["crop", "v.nii", *CROP[:-3], *CROP[-2:], '--settings={"a":' + "[" * 60_000]


def model_header(folder: Path) -> list[str]:
    """Safetensors whose header claims an exabyte."""
    slices.write(some_slices("us-1", split="test"), folder / "us-1.h5")
    (folder / "m.safetensors").write_bytes(struct.pack("<Q", 2**60) + b"{}")
    options = ["--run=ours", "--out=out", f"--settings={CONFIG}"]
    return ["synthesize", "m.safetensors", "us-1.h5", *options]


def transform_of_numbers(folder: Path) -> list[str]:
    """A transform of ten million parameters."""
    phantom.nifti(folder / "v.nii")
    text = "#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: "
    (folder / "t.tfm").write_text(text + "1 " * 10**7 + "\nFixedParameters: 0 0 0\n")
    rows = "volume,subject,modality,image,ga_weeks,split,transform\n"
    rows += "".join(
        f"{name},{name},{kind},v.nii,23,{split},{transform}\n"
        for name, kind, split, transform in (
            ("a", "us", "train", "t.tfm"),
            ("b", "mr", "train", ""),
            ("c", "us", "test", ""),
        )
    )
    (folder / "m.csv").write_text(rows)
    return ["check", str(CONFIG), "--manifest=m.csv"]


def ratings_with_markup(folder: Path) -> list[str]:
    (folder / "key.csv").write_text("image,run,volume\n")
    (folder / "r.csv").write_text("study,observer,group\n<script>alert(1)</script>,=cmd(),1\n")
    return ["rate", "collect", "r.csv", "--key=key.csv", "--out=out", f"--settings={CONFIG}"]


CASES: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "HDF5 of terabytes": (lambda f: slice_file(f, claim_of_terabytes), "us-1.h5: expected"),
    "HDF5 with an external link": (lambda f: slice_file(f, hdf5_link), "a link to another place"),
    "HDF5 of links in a circle": (lambda f: slice_file(f, hdf5_circle), "a link to another place"),
    "HDF5 that inflates": (lambda f: slice_file(f, hdf5_filter_bomb), "us-1.h5: expected"),
    "NIfTI of terabytes": (nifti_of_terabytes, "v.nii: expected at most"),
    "NIfTI that inflates": (nifti_bomb, "v.nii.gz: expected"),
    "NIfTI that begins late": (nifti_far_start, "v.nii.gz: expected"),
    "NRRD that inflates": (nrrd_bomb, "v.nrrd: expected"),
    "NRRD as text": (nrrd_as_text, "v.nrrd: expected"),
    "pipe": (lambda f: pipe(f, "v.nii.gz"), "v.nii.gz: expected a file"),
    "pipe as a header": (lambda f: pipe(f, "v.mhd"), "v.mhd: expected a file"),
    "pipe behind a header": (pipe_behind_a_header, "v.raw"),
    "device behind a header": (endless_device, "v.mhd: expected"),
    "links in a circle": (links_in_a_circle, "a.nii.gz: expected a file"),
    "folder of unrelated files": (unrelated_files, "10000 files"),
    "PNG of gigabytes": (lambda f: png(f, 60_000, 60_000), "p.png: expected"),
    "PNG that inflates": (lambda f: png(f, 5700, 5700), "p.png: expected"),
    "TIFF of pages in a circle": (tiff_of_pages_in_a_circle, "p.tif: expected"),
    "DICOM of more frames": (dicom_of_frames, "v.dcm: expected"),
    "YAML of aliases": (yaml_of_aliases, "multiply to more than"),
    "YAML without end": (yaml_nested, "mine.yaml: expected"),
    "manifest of a line": (manifest_of_one_line, "m.csv: expected a CSV table"),
    "manifest without end": (manifest_without_end, "/dev/zero: expected"),
    "settings without end": (settings_nested, "--settings: expected"),
    "model of exabytes": (model_header, "m.safetensors: expected a model"),
    "transform of numbers": (transform_of_numbers, "t.tfm: expected"),
    "ratings with markup": (ratings_with_markup, "expected"),
}
"""Name -> what writes files into a folder and returns the command, and a part of its message."""
