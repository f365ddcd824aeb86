"""A data set of nnU-Net, read back: images, labels without gaps, and what must not be in it."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_prediction import prediction

from ssus2mri.errors import InputError
from ssus2mri.export import run_export
from ssus2mri.images import geometry
from ssus2mri.images.synthetic import is_synthetic
from ssus2mri.prediction.write import write
from ssus2mri.tissues import SHOWN, Tissue


@pytest.fixture
def predicted(tmp_path):
    """A folder of two predictions and a forced one; labels in part cavum."""
    labels = np.full((8, 8, 8), Tissue.WHITE_MATTER, np.uint8)
    labels[2:4] = Tissue.CAVUM
    tissues = geometry.from_array(labels, prediction().mr)
    folder = tmp_path / "predicted"
    for name, refused in (("a", ()), ("b", ()), ("forced", ("no head in it",))):
        write(prediction(labels=tissues, refused=refused), name, folder, interval=0.9)
    return folder


def test_augment_gives_synthetic_mr_with_tissues(tmp_path, predicted):
    out = tmp_path / "set"
    assert run_export(predicted, kind="augment", ultrasound={}, out=out) == 2
    assert sorted(path.name for path in (out / "imagesTr").iterdir()) == [
        "a_0000.nii.gz",
        "b_0000.nii.gz",
    ]
    said = json.loads((out / "dataset.json").read_text())
    assert said["numTraining"] == 2
    assert said["channel_names"] == {"0": "MRI"}
    assert said["file_ending"] == ".nii.gz"
    assert sorted(said["labels"].values()) == list(range(len(SHOWN)))
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "labelsTr" / "a.nii.gz")))
    assert (labels[2:4] == said["labels"]["cavum"]).all()
    assert (labels[5:] == said["labels"]["white_matter"]).all()
    image = sitk.ReadImage(str(out / "imagesTr" / "a_0000.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(prediction().mr))
    for path in (out / "imagesTr" / "a_0000.nii.gz", out / "labelsTr" / "a.nii.gz"):
        assert is_synthetic(path)  # or `predict` would take it for a scan


def test_annotate_gives_the_ultrasound_on_its_own_grid(tmp_path, predicted):
    array = np.arange(512, dtype=np.float32).reshape(8, 8, 8)
    us = geometry.from_array(array, prediction().mr)
    sitk.WriteImage(us, str(tmp_path / "a.nii.gz"))
    out = tmp_path / "set"
    ultrasound = {"a": tmp_path / "a.nii.gz"}
    assert run_export(predicted, kind="annotate", ultrasound=ultrasound, out=out) == 1
    image = sitk.ReadImage(str(out / "imagesTr" / "a_0000.nii.gz"))
    labels = sitk.ReadImage(str(out / "labelsTr" / "a.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(us))
    assert image.GetOrigin() == labels.GetOrigin()
    assert not is_synthetic(out / "imagesTr" / "a_0000.nii.gz")
    assert json.loads((out / "dataset.json").read_text())["channel_names"] == {"0": "ultrasound"}


@pytest.mark.parametrize(
    ("size", "spacing", "origin"), [(9, 4.0, 0.0), (8, 5.0, 0.0), (8, 4.0, 30.0)]
)
def test_labels_of_another_scan_are_refused_and_leave_nothing(
    tmp_path, predicted, size, spacing, origin
):
    array = np.arange(size**3, dtype=np.float32).reshape((size,) * 3)
    right = geometry.from_array(array[:8, :8, :8], prediction().mr)
    other = sitk.GetImageFromArray(array)
    other.SetSpacing((spacing,) * 3)
    other.SetOrigin((origin, 0.0, 0.0))
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("a", "b")}
    for path, image in zip(paths.values(), (right, other), strict=True):
        sitk.WriteImage(image, str(path))
    out = tmp_path / "set"
    with pytest.raises(InputError, match=r"b_labels.*labels on the image's grid"):
        run_export(predicted, kind="annotate", ultrasound=paths, out=out)
    assert not list(out.iterdir())
    sitk.WriteImage(right, str(paths["b"]))
    assert run_export(predicted, kind="annotate", ultrasound=paths, out=out) == 2


def test_nothing_to_export_and_nothing_written_over(tmp_path, predicted):
    with pytest.raises(InputError, match="predictions of volumes"):
        run_export(tmp_path, kind="augment", ultrasound={}, out=tmp_path / "set")
    with pytest.raises(InputError, match="an empty one"):
        run_export(predicted, kind="augment", ultrasound={}, out=predicted)
