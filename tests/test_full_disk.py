"""Libraries that write half of a file and say nothing: their writers read it again."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_learn import some_slices

from ssus2mri import slices
from ssus2mri.errors import InputError
from ssus2mri.images import volume
from ssus2mri.images.geometry import write_transform

NOISE = np.random.default_rng(0)
WRITERS: dict[str, Callable[[Path], None]] = {
    "slices.h5": lambda path: slices.write(some_slices("us-1", count=40), path),
    "image.nii.gz": lambda path: volume.write(noise(np.float32), path),
    "image.mha": lambda path: volume.write(noise(np.float32), path),
    "labels.nii.gz": lambda path: volume.write(noise(np.uint8), path),
    "pose.tfm": lambda path: write_transform(sitk.Euler3DTransform(), path),
}


def noise(kind: type) -> sitk.Image:
    return sitk.GetImageFromArray((100 * NOISE.random((16, 48, 48))).astype(kind))


def limited(size: int, work: Callable[[], None]) -> str:
    """Do work in a process whose files cannot grow beyond a size; give what is raised."""
    import resource

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            work()
            said = "nothing"
        except InputError as error:
            said = str(error)
        except BaseException as error:
            said = repr(error)
        os.write(write, said.encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files")
@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("name", WRITERS)
def test_half_a_file_is_noticed_and_removed(tmp_path: Path, name: str, share: float) -> None:
    whole = tmp_path / "whole" / name
    whole.parent.mkdir()
    WRITERS[name](whole)
    path = tmp_path / "full" / name
    path.parent.mkdir()
    size = int(share * whole.stat().st_size)
    said = limited(size, lambda: WRITERS[name](path))
    assert f"{path}: expected a disk that can be written to" in said
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("name", ["image.nii.gz", "image.mha", "image.nrrd"])
def test_numbers_that_are_none_are_written_as_they_are(tmp_path: Path, name: str) -> None:
    image = noise(np.float32)
    image[3, 4, 5] = float("nan")
    volume.write(image, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 0
