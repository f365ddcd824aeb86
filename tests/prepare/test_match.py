"""Training MR deformed onto a head: recovered where a known deformation moved it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_match import (
    BUMP,
    DISPLACEMENT_MM,
    HEAD,
    POINTS,
    SETTINGS,
    SIZE,
    SPACING,
    deformed,
    image,
    likeness,
    mr,
    tissue,
    us,
)

from ssus2mri import slices
from ssus2mri.config.rows import MatchRow
from ssus2mri.errors import InputError
from ssus2mri.ffd.volumes import deform_smoothly, smoothed
from ssus2mri.images import geometry, volume
from ssus2mri.images.volume import read, read_labels, read_mask
from ssus2mri.prepare.blend import blend, run_blend
from ssus2mri.prepare.match import AtlasImages, match, run_match
from ssus2mri.slices import Header, Slices
from ssus2mri.tissues import Tissue

PERCENTILES = [0.5, 99.5]
FILES = ("template_head", "template_labels", "blend")


def speckled() -> np.ndarray:
    """A scan of the deformed head: other gain on either side, and speckle."""
    shade = np.linspace(0.5, 1.5, SIZE)
    return deformed(us()) * shade * np.random.default_rng(1).gamma(4, 0.25, HEAD.shape) * HEAD


def atlas() -> AtlasImages:
    """The atlas in both contrasts; its labels are tissues 1 to 4."""
    inside, labels = (
        geometry.from_array(array.astype(np.uint8), image(us()))
        for array in (HEAD, (tissue() + 1) * HEAD)
    )
    return AtlasImages([image(us())], inside, labels, image(mr()))


def head() -> sitk.Image:
    return geometry.from_array(HEAD.astype(np.uint8), image(us()))


def test_mr_and_labels_go_where_the_head_is_deformed_to():
    matched = match(image(speckled()), head(), atlas(), SETTINGS)
    synthetic, truth = sitk.GetArrayFromImage(matched.mr), deformed(mr())
    assert likeness(mr(), truth) < 0.8
    assert likeness(synthetic, truth) > 0.87
    assert not synthetic[~HEAD].any()
    before = (tissue() + 1) * HEAD
    true_labels = np.rint(deformed(before.astype(float), order=0)).astype(int)
    labels = sitk.GetArrayFromImage(matched.labels)
    bumped = HEAD & (BUMP > 0.3)
    wrong_before, wrong_after = (
        (candidate != true_labels)[bumped].mean() for candidate in (before, labels)
    )
    assert wrong_after < 0.5 * wrong_before


def test_the_most_similar_view_of_the_atlas_is_deformed():
    blind = us() * (POINTS[2] < 0)  # shows one half only
    both = replace(atlas(), us=[image(blind), image(us())])
    matched, alone = (
        match(image(speckled()), head(), views, SETTINGS) for views in (both, atlas())
    )
    np.testing.assert_array_equal(*map(sitk.GetArrayFromImage, (matched.mr, alone.mr)))
    assert (matched.view, alone.view) == (1, 0)
    worse = match(image(speckled()), head(), replace(both, us=both.us[:1]), SETTINGS)
    truth = deformed(mr())
    assert likeness(sitk.GetArrayFromImage(worse.mr), truth) < likeness(
        sitk.GetArrayFromImage(matched.mr), truth
    )


def test_mean_displacement_of_the_atlas():
    matched = match(image(deformed(us())), head(), atlas(), SETTINGS)
    moved_mm = np.linalg.norm(DISPLACEMENT_MM, axis=0)[HEAD].mean()
    assert matched.moved_mm == pytest.approx(moved_mm, rel=0.2)


def test_a_scan_of_the_atlas_itself_moves_little():
    matched = match(image(us()), head(), atlas(), SETTINGS)
    assert likeness(sitk.GetArrayFromImage(matched.mr), mr()) > 0.99
    assert matched.moved_mm < 0.1


def test_without_contrast_mr_stays_in_the_shape_of_the_atlas():
    matched = match(image(HEAD * 0.0), head(), atlas(), SETTINGS)
    np.testing.assert_allclose(sitk.GetArrayFromImage(matched.mr)[HEAD], mr()[HEAD], atol=1e-5)
    assert matched.moved_mm == 0


def wave(mm: float) -> sitk.Image:
    """Displacements of 2 mm along x beside a wave of 1 mm of that length along z."""
    phase = 2 * np.pi * (image(HEAD).GetOrigin()[2] + np.arange(SIZE) * SPACING) / mm
    along_x = np.broadcast_to(2 + np.sin(phase)[:, None, None], HEAD.shape)
    field = np.stack([along_x, 0 * along_x, 0 * along_x], axis=-1)
    displacements = sitk.GetImageFromArray(field, isVector=True)
    displacements.CopyInformation(image(HEAD))
    return displacements


@pytest.mark.parametrize("mm", [12.0, 24.0, 48.0])
def test_smoothing_leaves_what_is_even_and_as_much_of_a_wave_as_a_gaussian_does(mm):
    smooth_mm, middle = 4.0, (SIZE - 1) // 2
    smooth = smoothed(wave(mm), smooth_mm)
    along = [image(HEAD).TransformIndexToPhysicalPoint([middle, middle, z]) for z in range(8, 32)]
    moved = np.array([smooth.TransformPoint(point)[0] - point[0] for point in along])
    left = np.exp(-0.5 * (2 * np.pi * smooth_mm / mm) ** 2)
    expected = 2 + left * np.sin(2 * np.pi * np.array(along)[:, 2] / mm)
    np.testing.assert_allclose(moved, expected, atol=0.02)


def test_blend_of_two_people_has_the_shape_of_the_atlas():
    subjects = [image(1000 * deformed(mr(), sign) + 200 * ~HEAD) for sign in (1.0, -0.8)]
    plain = np.mean([sitk.GetArrayFromImage(scan) for scan in subjects], axis=0)
    scans = [(scan, head()) for scan in subjects]
    mean = blend(scans, image(mr()), percentiles=PERCENTILES, settings=SETTINGS)
    array = sitk.GetArrayFromImage(mean)
    assert likeness(plain, mr()) < 0.93
    assert likeness(array, mr()) > 0.98
    assert array.min() >= 0
    assert array.max() <= 1


def test_blend_needs_mr_with_contrast(tmp_path):
    volume.write(image(HEAD * 1.0), tmp_path / "mr.nii.gz")
    volume.write(head(), tmp_path / "mask.nii.gz")
    geometry.write_transform(sitk.TranslationTransform(3), tmp_path / "mr.tfm")
    volume.write(image(mr()), tmp_path / "template.nii.gz")

    def average(quality: dict) -> None:
        (tmp_path / "mr.json").write_text(json.dumps(quality))
        run_blend(
            [tmp_path / "mr.nii.gz"],
            masks=[tmp_path / "mask.nii.gz"],
            transforms=[tmp_path / "mr.tfm"],
            template=tmp_path / "template.nii.gz",
            out=tmp_path / "out.nii.gz",
            percentiles=PERCENTILES,
            settings=SETTINGS,
        )

    with pytest.raises(InputError, match=r"mr\.nii\.gz: expected contrast within the brain"):
        average({"method": "search", "uncertain": False})
    with pytest.raises(InputError, match=r"mr\.nii\.gz: expected .* whose pose is certain"):
        average({"method": "search", "uncertain": True})
    assert not (tmp_path / "out.nii.gz").exists()


def files(folder: Path, scan: sitk.Image, index: list[int]) -> dict:
    """Write the files that `match` reads of a scan and of the atlas."""
    dimension = scan.GetDimension()
    mask = HEAD if dimension == 3 else HEAD[index[0]]
    volume.write(scan, folder / "us.nii.gz")
    volume.write(geometry.from_array(mask.astype(np.uint8), scan), folder / "mask.nii.gz")
    geometry.write_transform(sitk.TranslationTransform(dimension), folder / "us.tfm")
    us_slices = Slices(
        Header("us", "s", "us", 23.0, "train", 2.4, SIZE, 0.0, 9.0),
        np.zeros((len(index), SIZE, SIZE), np.float16),
        np.zeros(len(index), np.uint8),
        np.array(index, np.int16),
        HEAD[index],
    )
    slices.write(us_slices, folder / "us.h5")
    template = atlas()
    paths = {name: folder / f"{name}.nii.gz" for name in FILES}
    for path, template_image in zip(
        paths.values(), (template.head, template.labels, template.mr), strict=True
    ):
        volume.write(template_image, path)
    volume.write(template.us[0], folder / "view.nii.gz")
    return {
        "mask": folder / "mask.nii.gz",
        "transform": folder / "us.tfm",
        "extract": folder / "us.h5",
        "views": [folder / "view.nii.gz"],
        "out": folder / "matched.h5",
        "settings": SETTINGS,
    } | paths


def test_file_has_the_slices_of_extract(tmp_path, caplog):
    arguments = files(tmp_path, image(speckled()), [15, 20, 24])
    with caplog.at_level("INFO"):
        run_match(tmp_path / "us.nii.gz", **arguments, row=MatchRow())
    assert "seen from the side 'view' deformed to the scan" in caplog.text
    matched = slices.read(tmp_path / "matched.h5")
    readers = zip(
        FILES, (read_mask, lambda path: read_labels(path, tuple(Tissue)), read), strict=True
    )
    template = AtlasImages(
        [read(arguments["views"][0])], *(reader(arguments[name]) for name, reader in readers)
    )
    scan, mask = read(tmp_path / "us.nii.gz"), read_mask(arguments["mask"])
    whole = sitk.GetArrayFromImage(match(scan, mask, template, SETTINGS).mr)
    np.testing.assert_allclose(matched.image, whole[[15, 20, 24]] * HEAD[[15, 20, 24]], atol=1e-3)
    assert matched.index.tolist() == [15, 20, 24]
    assert (tmp_path / "matched.png").read_bytes().startswith(b"\x89PNG")
    assert (matched.header.volume, matched.header.modality) == ("us", "mr")


def test_a_2d_plane_gets_the_mr_of_its_level(tmp_path):
    scan = image(speckled())[:, :, 18]
    arguments = files(tmp_path, scan, [18])
    run_match(tmp_path / "us.nii.gz", **arguments, row=MatchRow(plane="axial"))
    matched = slices.read(tmp_path / "matched.h5").image
    np.testing.assert_allclose(matched[0], mr()[18] * HEAD[18], atol=1e-3)
    assert (tmp_path / "matched.png").exists()


def test_an_image_stays_where_there_is_nothing_to_register(caplog):
    transform = deform_smoothly(image(0.3 + 0 * us()), image(us()), head(), SETTINGS)
    assert transform.TransformPoint((1.0, 2.0, 3.0)) == (1.0, 2.0, 3.0)
    assert "not deformed: there is no contrast within the head" in caplog.text


def test_a_grid_that_is_turned_in_the_world_is_deformed_alike():
    fixed, moving, inside = image(us()), image(deformed(us())), head()
    straight = deform_smoothly(fixed, moving, inside, SETTINGS)
    turn = [0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    for grid in (fixed, moving, inside):
        grid.SetOrigin((0.0, 0.0, 0.0))
        grid.SetDirection(turn)
    turned = deform_smoothly(fixed, moving, inside, SETTINGS)
    index = [17, 20, 22]
    at, there = (grid.TransformIndexToPhysicalPoint(index) for grid in (image(us()), fixed))
    moved = np.subtract(straight.TransformPoint(at), at)
    moved_there = np.subtract(turned.TransformPoint(there), there)
    assert np.linalg.norm(moved) > 1
    np.testing.assert_allclose(moved_there, np.reshape(turn, (3, 3)) @ moved, atol=1e-6)


def test_blend_wants_a_mask_and_a_transform_for_each_volume(tmp_path):
    path = tmp_path / "mr.nii.gz"
    with pytest.raises(InputError, match=r"expected 2 of each.* found 1 masks, 2 transforms"):
        run_blend(
            [path, path],
            masks=[path],
            transforms=[path, path],
            template=path,
            out=tmp_path / "out.nii.gz",
            percentiles=PERCENTILES,
            settings=SETTINGS,
        )
