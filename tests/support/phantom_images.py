"""Images that must be refused, whoever reads them: what writes each, and a part of its message."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import phantom_inputs as phantom
import SimpleITK as sitk


def colour(path: Path) -> Path:
    sitk.WriteImage(sitk.Compose([sitk.Cast(phantom.scan() / 4, sitk.sitkUInt8)] * 3), str(path))
    return path


def with_voxel(value: float) -> phantom.Maker:
    def write(path: Path) -> Path:
        array = phantom.values().T.astype(np.float32)
        array[3, 4, 5] = value
        return phantom.nifti(path, array)

    return write


def cut_off(path: Path) -> Path:
    path.write_bytes(phantom.nifti(path).read_bytes()[:1500])
    return path


def compressed(write: phantom.Maker) -> phantom.Maker:
    def zipped(path: Path) -> Path:
        plain = path.with_name("plain.nii")
        path.write_bytes(gzip.compress(write(plain).read_bytes()))
        plain.unlink()
        return path

    return zipped


BAD: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "missing": ("nowhere.nii.gz", lambda path: path, "no such file"),
    "truncated": ("scan.nii.gz", cut_off, "truncated or renamed"),
    "colour": ("scan.nii.gz", colour, "3 components"),
    "NaN": ("scan.nii.gz", with_voxel(np.nan), "1 NaN or infinite"),
    "infinite": ("scan.nii.gz", with_voxel(np.inf), "1 NaN or infinite"),
    "constant": (
        "scan.nii",
        lambda path: phantom.nifti(path, np.full((24, 28, 22), 7, np.int16)),
        "same value 7",
    ),
    "zero spacing": ("scan.nii", phantom.patched(84, 0.0), "spacing"),
    "negative spacing": ("scan.nii", phantom.patched(84, -1.2), "spacing"),
    "zero spacing, compressed": ("scan.nii.gz", compressed(phantom.patched(80, 0.0)), "spacing"),
    "negative spacing, mha": (
        "scan.mha",
        phantom.meta_of(ElementSpacing="2 -2 2.5"),
        "spacing",
    ),
}
