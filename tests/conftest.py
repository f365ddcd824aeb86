"""Phantoms made in code, shared by the tests."""

import gc
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

from ssus2mri import cli
from ssus2mri.config.base import SectionT, load_section
from ssus2mri.images import volume

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "config" / "config.yaml"
CommandLine = Callable[..., tuple[int, str]]

# An oblique, anisotropic geometry: whatever assumes identity anywhere fails on it.
OBLIQUE = sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, -0.1, 0.3).GetMatrix()


def configured(section: type[SectionT], name: str, **changes: Any) -> SectionT:
    """The shipped values of a section, with changes."""
    return load_section(section, str(CONFIG), name).model_copy(update=changes)


def blob_volume(
    size: tuple[int, int, int] = (24, 28, 20),
    *,
    spacing: tuple[float, float, float] = (1.0, 1.2, 1.5),
    origin: tuple[float, float, float] = (-11.0, 7.0, 23.0),
    landmark: tuple[int, int, int] = (15, 9, 12),
) -> sitk.Image:
    """A 16-bit oblique volume, smooth, with one bright voxel (x, y, z) as landmark."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    array = (1000 * np.exp(-2 * (x**2 + y**2 + z**2))).transpose(2, 1, 0).astype(np.int16)
    array[landmark[::-1]] = 4000
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(OBLIQUE)
    return image


def brightest_point(image: sitk.Image) -> np.ndarray:
    """World coordinates (LPS, mm) of the brightest voxel."""
    array = sitk.GetArrayViewFromImage(image)
    index = np.unravel_index(int(array.argmax()), array.shape)[::-1]
    return np.array(image.TransformIndexToPhysicalPoint([int(i) for i in index]))


@pytest.fixture
def oblique() -> sitk.Image:
    """A 16-bit oblique volume with a landmark."""
    return blob_volume()


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    """The command line: takes arguments, returns the exit code and what was said."""

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["ssus2mri", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        said = capfd.readouterr()
        return int(stop.value.code or 0), said.out + said.err

    return call


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a good configuration, manifest and images."""
    for number, name in enumerate(("us1", "mr1", "us2", "us3", "us4")):
        landmark = (15, 9, 10 + number)  # no two of them mirror images
        volume.write(blob_volume(landmark=landmark), tmp_path / f"{name}.nii.gz")
    (tmp_path / "manifest.csv").write_text(
        "volume,subject,modality,image,ga_weeks,split,mask,transform\n"
        "us1,a,us,us1.nii.gz,23,train,,\n"
        "mr1,b,mr,mr1.nii.gz,23,train,,\n"
        "us2,c,us,us2.nii.gz,23,test,,\n"
    )
    values = yaml.safe_load(CONFIG.read_text())
    values["manifest"] = str(tmp_path / "manifest.csv")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """The template of an atlas with a round head; see `phantom_stages`."""
    from phantom_stages import write_template

    return write_template(tmp_path / "template")


@pytest.fixture(scope="module")
def browser():
    """A page in a headless Chromium; without one the test is skipped."""
    from browser import chromium

    with chromium() as page:
        yield page


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """Undo what the command line does: to logging, whose stream ends with the test, and garbage."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    gc.enable()
    gc.unfreeze()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The smallest project after a whole run; see `phantom_failures`. Minutes."""
    from phantom_failures import whole_run

    return whole_run(tmp_path_factory.mktemp("left-alone"))


@pytest.fixture
def copied(undisturbed, tmp_path):
    """A copy of that project in a folder with a plain name, times and all."""
    shutil.copytree(undisturbed.folder, tmp_path / "copy")
    return undisturbed.at(tmp_path / "copy")
