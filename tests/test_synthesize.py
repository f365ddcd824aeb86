import json

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from phantom_learn import SIZE, settings, some_slices, write_cohort
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from ssus2mri import slices
from ssus2mri.config.learn import SynthesizeSettings
from ssus2mri.errors import InputError
from ssus2mri.learn.checkpoint import read_model
from ssus2mri.learn.synthesize import assemble, recut, run_synthesize, synthesize
from ssus2mri.learn.train import run_train

CPU = torch.device("cpu")


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, us, plane, index, ga_weeks):
        return torch.full_like(us, self.value)


def trained(folder, run):
    folder.mkdir(exist_ok=True)
    run_train(
        write_cohort(folder),
        run=run,
        out=folder / "model.safetensors",
        checkpoints=folder / "checkpoints",
        settings=settings(run, epochs=1, steps_per_epoch=1),
        threads=1,
    )
    return folder / "model.safetensors"


def run(model, paths, out, name="some-run", fuse=False):
    given = SynthesizeSettings(batch_size=3, fuse=fuse)
    run_synthesize(model, paths, run=name, out=out, settings=given, threads=1)


def test_head_and_range():
    us = some_slices("us-t", split="test")
    made = synthesize(Constant(1.7), us, run="one", batch_size=3, device=CPU)
    assert np.array_equal(made.image, us.head.astype(np.float16))
    assert (made.header.run, made.header.modality) == ("one", "mr")
    assert (made.header.volume, made.header.origin_mm) == ("us-t", (-5.0, -6.0, -7.0))
    assert not synthesize(Constant(-1.0), us, run="", batch_size=9, device=CPU).image.any()


def test_slices_return_to_their_place():
    """Voxels where planes cross get their mean."""
    us = some_slices("us-t", split="test", count=6)
    values = np.arange(1, 7, dtype=np.float16)[:, None, None] / 8
    made = slices.Slices(
        us.header, np.broadcast_to(values, us.image.shape), us.plane, us.index, us.head
    )
    image = assemble(made)
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
    made = slices.Slices(us.header, image, us.plane, us.index, us.head)
    fused = recut(made, assemble(made))
    assert fused.image[0, 30, 31] == np.float16((1 + 2 + 6) / 24)  # axial 30 at y 30, x 31
    assert fused.image[1, 30, 31] == fused.image[0, 30, 31]  # coronal 30 at z 30, x 31
    assert fused.image[5, 30, 30] == fused.image[0, 30, 31]  # sagittal 31 at z 30, y 30
    assert not fused.image[~us.head].any()
    assert np.array_equal(recut(fused, assemble(fused)).image, fused.image)


@pytest.mark.parametrize("fuse", [False, True])
def test_fusing_changes_the_slices_only_where_it_is_asked_for(tmp_path, fuse):
    us = some_slices("us-t", split="test")  # of noise: planes disagree where they cross
    slices.write(us, tmp_path / "us-t.h5")
    for name in ("ours", "copy"):
        model = trained(tmp_path / name, name)
        run(model, [tmp_path / "us-t.h5"], tmp_path / name, name=name, fuse=fuse)
    image = slices.read(tmp_path / "ours" / "us-t.h5").image
    network = read_model(tmp_path / "ours" / "model.safetensors").network
    alone = synthesize(network, us, run="ours", batch_size=3, device=CPU).image
    assert np.array_equal(image, alone) != fuse
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


@pytest.mark.parametrize("method", ["ours", "ae", "gan", "copy", "atlas"])
def test_every_method_writes_the_same_layout(tmp_path, method):
    model = trained(tmp_path, method)
    us = some_slices("us-t", split="test")
    slices.write(us, tmp_path / "us-t.h5")
    run(model, [tmp_path / "us-t.h5"], tmp_path / "out", name=method)
    made = slices.read(tmp_path / "out" / "us-t.h5")
    assert made.header.run == method
    assert made.image.shape == us.image.shape
    assert np.isfinite(made.image).all()
    assert made.truth is made.labels is None
    if method == "copy":
        assert np.array_equal(made.image, us.image)
    if method == "atlas":
        stored = some_slices("mr-a", modality="mr", count=3)
        assert np.array_equal(made.image, stored.image[[0, 1, 2, 0]])
    assert sitk.ReadImage(str(tmp_path / "out" / "us-t.nii.gz")).GetSize() == (SIZE,) * 3


def test_a_subject_trained_on_is_refused(tmp_path):
    model = trained(tmp_path, "copy")
    for known in ("person-us-a", "person-us-v", "person-mr-a"):
        path = tmp_path / "scan.h5"
        slices.write(some_slices("us-t", split="test", subject=known), path)
        with pytest.raises(InputError, match=f"subject '{known}', which it was"):
            run(model, [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_mr_is_refused(tmp_path):
    model = trained(tmp_path, "copy")
    slices.write(some_slices("mr-t", modality="mr", split="test"), tmp_path / "mr-t.h5")
    with pytest.raises(InputError, match="expected ultrasound slices"):
        run(model, [tmp_path / "mr-t.h5"], tmp_path / "out")


def rewritten(model, **changes):
    """Write a model again with other metadata."""
    with safe_open(model, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, model, metadata | changes)


def test_damaged_models_are_refused(tmp_path):
    model = trained(tmp_path, "gan")
    rewritten(model, subjects="[]")
    with pytest.raises(InputError, match="changed afterwards"):
        read_model(model)
    other = settings("gan", network={"encoder_channels": 5}).model_dump()
    model = trained(tmp_path / "second", "gan")
    rewritten(model, settings=json.dumps(other))
    with pytest.raises(InputError, match="weights of another version"):
        read_model(model)
    model.write_bytes(model.read_bytes()[:100])
    with pytest.raises(InputError, match="a model written by `train`"):
        read_model(model)
    with pytest.raises(InputError, match="no such file"):
        read_model(tmp_path / "none.safetensors")
