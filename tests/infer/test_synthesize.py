import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from phantom_learn import SIZE, some_slices, write_cohort
from phantom_train import train

from ssus2mri import slices
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.errors import InputError
from ssus2mri.infer.optimize import optimize_for_inference
from ssus2mri.infer.synthesize import run_synthesize, synthesize
from ssus2mri.learn.model_file import read_model
from ssus2mri.models.generator import Synthesis
from ssus2mri.slicing import assemble, recut

CPU = torch.device("cpu")
METHODS = ("ours", "ours_3d_iii", "ae", "gan", "cyclegan", "cut", "copy", "atlas")


def constant(value):
    return lambda us, *_: Synthesis(torch.full_like(us[:, :1], value), None)


def through(infer, us, neighbours=0, batch_size=3):
    return synthesize(
        infer, us, neighbours=neighbours, run="some-run", batch_size=batch_size, device=CPU
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Give a folder a model of a run; each is trained once."""
    paths = {}

    def model(folder, run):
        if run not in paths:
            work = tmp_path_factory.mktemp(run)
            train(work, write_cohort(work), run, epochs=1, steps_per_epoch=1)
            paths[run] = work / "model.safetensors"
        folder.mkdir(exist_ok=True)
        return Path(shutil.copy(paths[run], folder / "model.safetensors"))

    return model


def run(model, paths, out, name="some-run", **changes):
    values = {
        "batch_size": 3,
        "gpu_batch_size": 3,
        "mixed_precision": False,
        "fuse": False,
        "allow_seen_subjects": False,
    }
    section = SynthesizeSettings(**(values | changes))
    run_synthesize(model, paths, run=name, out=out, settings=section, threads=1)


def test_head_and_range():
    us = some_slices("us-t", split="test", pathology="cyst")
    synthetic = through(constant(1.7), us)
    assert np.array_equal(synthetic.image, us.head.astype(np.float16))
    header = (synthetic.header.run, synthetic.header.modality, synthetic.header.pathology)
    assert header == ("some-run", "mr", "cyst")
    assert synthetic.predicted_position is None
    assert (synthetic.header.volume, synthetic.header.origin_mm) == ("us-t", (-5.0, -6.0, -7.0))
    assert not through(constant(-1.0), us, batch_size=9).image.any()


def test_neighbours_come_as_channels_and_positions_go_into_the_file(tmp_path):
    """Of the six slices 0, 3 are axial, 1, 4 coronal, 2, 5 sagittal, of index 30 and 31."""
    us = some_slices("us-t", split="test", count=6)
    seen = []

    def infer(images, plane, index, ga_weeks, window):
        seen.append(images)
        position = torch.stack([plane / 2 + 0.1, index / (SIZE - 1)], dim=1)
        return Synthesis(images[:, 1:2], position)

    synthetic = through(infer, us, neighbours=1, batch_size=4)
    shown = torch.cat(seen)
    order = [[0, 0, 3], [1, 1, 4], [2, 2, 5], [0, 3, 3], [1, 4, 4], [2, 5, 5]]
    assert torch.equal(shown, torch.from_numpy(us.image[order]).float())
    assert np.array_equal(synthetic.image, us.image)
    slices.write(synthetic, tmp_path / "made.h5")
    stored = slices.read(tmp_path / "made.h5").predicted_position
    assert stored.dtype == np.float32
    assert stored[:, 0].tolist() == [0, 1, 2, 0, 1, 2]
    assert stored[:, 1] == pytest.approx(us.index, abs=1e-4)


def test_expected_errors_are_kept_within_the_head(tmp_path):
    us = some_slices("us-t", split="test", count=4)

    def infer(images, plane, index, ga_weeks, window):
        return Synthesis(images, None, log_spread=torch.full_like(images, np.log(0.25)))

    slices.write(through(infer, us), tmp_path / "made.h5")
    stored = slices.read(tmp_path / "made.h5").spread
    assert np.array_equal(stored, np.where(us.head, 0.25, 0).astype(np.float16))


def test_slices_return_to_their_place():
    """Voxels where planes cross get their mean."""
    us = some_slices("us-t", split="test", count=6)
    values = np.arange(1, 7, dtype=np.float16)[:, None, None] / 8
    synthetic = slices.Slices(
        us.header, np.broadcast_to(values, us.image.shape), us.plane, us.index, us.head
    )
    image = assemble(synthetic)
    array = sitk.GetArrayFromImage(image)
    assert image.GetSize() == (SIZE,) * 3
    assert image.GetSpacing() == (1.5,) * 3
    assert image.GetOrigin() == (-5.0, -6.0, -7.0)
    assert array[30, 5, 5] == 1 / 8  # axial
    assert array[5, 30, 5] == 2 / 8  # coronal
    assert array[5, 5, 30] == 3 / 8  # sagittal
    assert array[31, 30, 5] == (4 + 2) / 16
    assert array[30, 30, 31] == pytest.approx((1 + 2 + 6) / 24)
    assert array[5, 5, 5] == 0


def test_recut_slices_agree_where_planes_cross():
    us = some_slices("us-t", split="test", count=6)
    values = np.arange(1, 7, dtype=np.float16)[:, None, None] / 8
    image = (np.broadcast_to(values, us.image.shape) * us.head).astype(np.float16)
    synthetic = slices.Slices(us.header, image, us.plane, us.index, us.head)
    fused = recut(synthetic, assemble(synthetic))
    assert fused.image[0, 30, 31] == np.float16((1 + 2 + 6) / 24)  # axial 30 at y 30, x 31
    assert fused.image[1, 30, 31] == fused.image[0, 30, 31]  # coronal 30 at z 30, x 31
    assert fused.image[5, 30, 30] == fused.image[0, 30, 31]  # sagittal 31 at z 30, y 30
    assert not fused.image[~us.head].any()
    assert np.array_equal(recut(fused, assemble(fused)).image, fused.image)
    assert fused.spread is None
    expected = recut(replace(synthetic, spread=image), assemble(synthetic))
    assert np.array_equal(expected.spread, fused.image)


@pytest.mark.parametrize("fuse", [False, True])
def test_fusing_changes_the_slices_only_where_it_is_asked_for(tmp_path, trained, fuse):
    us = some_slices("us-t", split="test")  # of noise: planes disagree where they cross
    slices.write(us, tmp_path / "us-t.h5")
    for name in ("ours", "copy"):
        model = trained(tmp_path / name, name)
        run(model, [tmp_path / "us-t.h5"], tmp_path / name, name=name, fuse=fuse)
    image = slices.read(tmp_path / "ours" / "us-t.h5").image
    network = read_model(tmp_path / "ours" / "model.safetensors").network
    alone = through(optimize_for_inference(network, CPU, bfloat16=False), us).image
    assert np.array_equal(image, alone) != fuse
    plain = through(lambda *inputs: network(*inputs[:4]), us).image
    assert np.abs(alone.astype(np.float32) - plain).max() < 1e-3  # both are stored as float16
    assert np.array_equal(slices.read(tmp_path / "copy" / "us-t.h5").image, us.image)


def test_a_landmark_keeps_its_world_point():
    us = some_slices("us-t", split="test", count=3)
    image = np.zeros_like(us.image)
    image[0, 40, 20] = 1  # axial slice 30: z = 30, y = 40, x = 20
    volume = assemble(slices.Slices(us.header, image, us.plane, us.index, us.head))
    z, y, x = np.unravel_index(sitk.GetArrayFromImage(volume).argmax(), (SIZE,) * 3)
    point = volume.TransformIndexToPhysicalPoint((int(x), int(y), int(z)))
    assert point == (-5 + 1.5 * 20, -6 + 1.5 * 40, -7 + 1.5 * 30)


def test_a_plane_gives_a_plane():
    us = some_slices("us-t", split="test", count=1, origin_mm=(1.0, 2.0))
    image = assemble(us)
    assert image.GetDimension() == 2
    assert image.GetOrigin() == (1.0, 2.0)
    assert np.array_equal(sitk.GetArrayFromImage(image), us.image[0].astype(np.float32))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_writes_the_same_layout(tmp_path, trained, method):
    model = trained(tmp_path, method)
    us = some_slices("us-t", split="test")
    slices.write(us, tmp_path / "us-t.h5")
    run(model, [tmp_path / "us-t.h5"], tmp_path / "out", name=method)
    synthetic = slices.read(tmp_path / "out" / "us-t.h5")
    assert synthetic.header.run == method
    assert synthetic.image.shape == us.image.shape
    assert np.isfinite(synthetic.image).all()
    assert synthetic.truth is synthetic.labels is None
    assert (synthetic.predicted_position is not None) == (method == "ours_3d_iii")
    assert synthetic.spread is None
    if method == "copy":
        assert np.array_equal(synthetic.image, us.image)
    if method == "atlas":
        stored = some_slices("mr-a", modality="mr", count=3)
        assert np.array_equal(synthetic.image, stored.image[[0, 1, 2, 0]])
    assert sitk.ReadImage(str(tmp_path / "out" / "us-t.nii.gz")).GetSize() == (SIZE,) * 3


def test_a_subject_trained_on_is_refused(tmp_path, trained):
    model = trained(tmp_path, "copy")
    for subject in ("person-us-a", "person-us-v", "person-mr-a"):
        path = tmp_path / "scan.h5"
        slices.write(some_slices("us-t", split="test", subject=subject), path)
        with pytest.raises(InputError, match=f"subject '{subject}', which it was"):
            run(model, [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mr_is_refused(tmp_path, trained):
    model = trained(tmp_path, "copy")
    slices.write(some_slices("mr-t", modality="mr", split="test"), tmp_path / "mr-t.h5")
    with pytest.raises(InputError, match="expected ultrasound slices"):
        run(model, [tmp_path / "mr-t.h5"], tmp_path / "out")
