"""A landmark keeps its world coordinates through every stage, whatever the format."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import blob_volume, brightest_point
from phantom_inputs import series
from phantom_stages import SPACING_MM, through_the_stages

from ssus2mri import slices
from ssus2mri.images import volume


@pytest.mark.parametrize("form", ["scan.nii.gz", "scan.nrrd", "scan.mha", "series"])
def test_landmark_through_crop_align_extract(tmp_path: Path, template: Path, form: str) -> None:
    scan = blob_volume((40, 44, 36), landmark=(25, 17, 20))
    landmark = brightest_point(scan)
    if form == "series":
        series(tmp_path / form, scan)
    else:
        sitk.WriteImage(scan, str(tmp_path / form))
    middle = scan.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in scan.GetSize()])
    transform = sitk.Euler3DTransform(middle, 0.1, -0.2, 0.15, [-c for c in middle])
    out = tmp_path / "out"
    # Nothing cut off at the top: the landmark must stay the brightest.
    extract = {"us_percentiles": [0.0, 100.0]}
    head = volume.read(tmp_path / form) > 60
    through_the_stages(
        tmp_path / form, head, transform, template, out, modality="us", ga_weeks=23.0, **extract
    )

    cropped = volume.read(out / "crop.nii.gz")
    assert np.prod(cropped.GetSize()) <= np.prod(scan.GetSize())
    np.testing.assert_allclose(brightest_point(cropped), landmark, atol=1e-2)

    aligned = volume.read(out / "v.nii.gz")
    expected = np.array(transform.TransformPoint(landmark.tolist()))
    np.testing.assert_allclose(brightest_point(aligned), expected, atol=SPACING_MM)

    extracted = slices.read(out / "v.h5")
    x, y, z = aligned.TransformPhysicalPointToIndex(expected.tolist())
    seen = {"axial": (z, (y, x)), "coronal": (y, (z, x)), "sagittal": (x, (z, y))}
    for number, plane in enumerate(slices.PLANES):
        index, pixel = seen[plane]
        number_of_slice = np.flatnonzero(
            (extracted.plane == number) & (abs(extracted.index - index) <= 1)
        )
        brightest = max(number_of_slice, key=lambda k: extracted.image[k].max())
        where = np.unravel_index(
            int(extracted.image[brightest].argmax()), extracted.image[brightest].shape
        )
        assert np.abs(np.array(where) - pixel).max() <= 1
