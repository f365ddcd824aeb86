"""Every pathology on both kinds of anatomy: what is asked for is measured, the rest stays."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from conftest import CONFIG
from phantom_simulate import label_anatomy, small_settings
from pydantic import TypeAdapter
from scipy import ndimage

from ssus2mri.config.base import load_yaml
from ssus2mri.config.pathology import Pathology, load_pathology
from ssus2mri.errors import InputError
from ssus2mri.simulate import biometry
from ssus2mri.simulate.anatomy import Anatomy, built_in, head_mask
from ssus2mri.simulate.cohort import simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.tissues import INTRACRANIAL, Tissue

SETTINGS = small_settings()
CONFIGURED = load_yaml(CONFIG)["pathologies"]


@pytest.fixture(scope="module")
def built() -> Anatomy:
    return built_in(23, SETTINGS.anatomy)


@pytest.fixture(scope="module")
def atlas() -> Anatomy:
    return label_anatomy()


@pytest.fixture(params=["built", "atlas"])
def healthy(request) -> Anatomy:
    return request.getfixturevalue(request.param)


def with_pathology(anatomy: Anatomy, **values: object) -> Anatomy:
    return add_pathology(anatomy, load_pathology(json.dumps(values)))


def ml(anatomy: Anatomy, *tissues: Tissue) -> float:
    return np.isin(anatomy.array, tissues).sum() * anatomy.spacing_zyx.prod() / 1000


def leaks(anatomy: Anatomy) -> int:
    """Voxels without the skull that touch the brain, but for the cord's."""
    brain = np.isin(anatomy.array, INTRACRANIAL) & (anatomy.array != Tissue.BRAINSTEM)
    return int((ndimage.binary_dilation(brain) & ~head_mask(anatomy.array)).sum())


def touching(anatomy: Anatomy, *outside: Tissue) -> int:
    """Voxels outside the cortex that touch the fluid of a lateral ventricle."""
    labels = anatomy.array
    middle = np.nonzero(labels == Tissue.DEEP_GREY)[2].mean()
    aside = np.abs(np.arange(labels.shape[2]) - middle) * anatomy.spacing_zyx[2]
    fluid = np.isin(labels, (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)) & (aside > 4)
    return int((ndimage.binary_dilation(fluid) & np.isin(labels, outside)).sum())


@pytest.mark.parametrize(
    ("healthy", "name"),
    [("built", "severe_ventriculomegaly"), ("atlas", "mild_ventriculomegaly")],
    indirect=["healthy"],
)
def test_ventricles_are_as_wide_as_asked_and_the_mantle_stays_whole(healthy, name):
    wide = with_pathology(healthy, **CONFIGURED[name])
    atrium_mm = CONFIGURED[name]["atrium_mm"]
    assert biometry.atria_mm(wide) == pytest.approx((atrium_mm, atrium_mm), abs=1.0)
    assert biometry.head_circumference_mm(wide) == biometry.head_circumference_mm(healthy)
    assert np.array_equal(head_mask(wide.array), head_mask(healthy.array))
    outside = (Tissue.SKULL, Tissue.SUTURE, Tissue.EXTRA_AXIAL_CSF)
    assert touching(wide, *outside) == touching(healthy, *outside) == 0
    plexus = (Tissue.CHOROID_PLEXUS,)
    assert ml(wide, *plexus) == pytest.approx(ml(healthy, *plexus), rel=0.05)
    # Tissue gives way, it is not eaten.
    brain = (Tissue.WHITE_MATTER, Tissue.CORTEX)
    assert ml(wide, *brain) > 0.75 * ml(healthy, *brain)


def test_cisterna_magna_is_as_deep_as_asked(healthy):
    deep = with_pathology(healthy, **CONFIGURED["large_cisterna_magna"])
    assert biometry.cisterna_magna_mm(deep) == pytest.approx(13.0, abs=1.0)
    hindbrain = (Tissue.CEREBELLUM,)
    assert ml(deep, *hindbrain) == pytest.approx(ml(healthy, *hindbrain), rel=0.2)
    assert biometry.transcerebellar_mm(deep) == pytest.approx(
        biometry.transcerebellar_mm(healthy), abs=1.0
    )
    assert leaks(deep) <= leaks(healthy)
    assert biometry.atria_mm(deep) == pytest.approx(biometry.atria_mm(healthy), abs=0.5)


def test_absent_cavum_joins_the_frontal_horns(healthy):
    joined = with_pathology(healthy, kind="absent_cavum")
    assert not (joined.array == Tissue.CAVUM).any()
    changed = joined.array != healthy.array
    assert set(np.unique(joined.array[changed])) == {Tissue.VENTRICLES}
    cavum = healthy.array == Tissue.CAVUM
    column = int(np.nonzero(cavum)[2].mean())
    sides = []
    for row in np.unique(np.nonzero(cavum)[1]):
        parts, _ = ndimage.label(joined.array[:, row] == Tissue.VENTRICLES)
        sides.append((set(parts[:, column - 6]) & set(parts[:, column + 6])) - {0})
    assert any(sides)


def test_absent_callosum_comes_with_what_belongs_to_it(healthy):
    without = with_pathology(healthy, **CONFIGURED["absent_corpus_callosum"])
    for tissue in (Tissue.CORPUS_CALLOSUM, Tissue.CAVUM):
        assert not (without.array == tissue).any()
    assert biometry.atria_mm(without) == pytest.approx((12.0, 12.0), abs=1.0)
    # The third ventricle reaches up to where the cavum was.
    middle = int(np.nonzero(healthy.array == Tissue.CAVUM)[2].mean())
    tops = [
        np.nonzero(a.array[:, :, middle] == Tissue.VENTRICLES)[0].max(initial=0)
        for a in (healthy, without)
    ]
    assert tops[1] > tops[0]
    # The frontal horns lie farther apart.
    assert _apart(without) > _apart(healthy) + 1.0


def _apart(anatomy: Anatomy) -> float:
    """Mean distance of the frontal horns' fluid from the midline, mm."""
    labels = anatomy.array
    z, y, x = np.nonzero(labels == Tissue.VENTRICLES)
    aside = np.abs(x - np.nonzero(labels == Tissue.DEEP_GREY)[2].mean()) * anatomy.spacing_zyx[2]
    row = np.nonzero(labels == Tissue.CHOROID_PLEXUS)[1].mean() - 20 / anatomy.spacing_zyx[1]
    top = np.nonzero(labels == Tissue.CEREBELLUM)[0].max()
    return float(aside[(y < row) & (z > top) & (aside > 4)].mean())


@pytest.mark.parametrize("kind", ["cyst", "bleed"])
def test_lesion_is_where_and_as_large_as_asked(healthy, kind):
    centre = np.array([9.0, 2.0, 9.0])
    lesioned = with_pathology(healthy, kind=kind, centre_mm=centre.tolist(), diameter_mm=10.0)
    lesion = Tissue[kind.upper()]
    assert ml(lesioned, lesion) == pytest.approx(np.pi * 10**3 / 6 / 1000, rel=0.03)
    middle = np.argwhere(lesioned.array == lesion).mean(0)[::-1]
    place = lesioned.labels.TransformContinuousIndexToPhysicalPoint(middle.tolist())
    assert place == pytest.approx(healthy.centre_mm + centre, abs=0.5)
    assert np.array_equal(lesioned.array == healthy.array, lesioned.array != lesion)


def test_every_kind_is_configured():
    kinds = {values["kind"] for values in CONFIGURED.values()}
    schema = TypeAdapter(Pathology).json_schema()
    assert kinds == set(schema["discriminator"]["mapping"])


def test_both_scans_show_it_in_labels_and_truth(built):
    sick = with_pathology(built, kind="bleed", centre_mm=[8.0, 0.0, 8.0], diameter_mm=12.0)
    settings = small_settings(40)
    for volume in ("us", "mr"):
        scan = simulate(
            volume, subject="s", modality=volume, ga_weeks=23, anatomy=sick, settings=settings
        )
        arrays = [sitk.GetArrayFromImage(image) for image in (scan.labels, scan.truth)]
        there = arrays[0] == Tissue.BLEED
        assert there.sum() * 2.4**3 / 1000 == pytest.approx(0.9, rel=0.35)
        core = ndimage.binary_erosion(there)
        white = arrays[1][arrays[0] == Tissue.WHITE_MATTER].mean()
        assert arrays[1][core].mean() < 0.8 * white


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"kind": "ventriculomegaly", "atrium_mm": 3.0, "reach_mm": 6.0},
            "atrial width: expected more than",
        ),
        (
            {"kind": "large_cisterna_magna", "depth_mm": 1.0, "reach_mm": 13.0},
            "cisterna magna: expected more than",
        ),
        ({"kind": "cyst", "centre_mm": [90, 0, 0], "diameter_mm": 5}, "inside the skull"),
    ],
)
def test_what_a_head_cannot_have_is_refused(built, values, message):
    with pytest.raises(InputError, match=message):
        with_pathology(built, **values)


@pytest.mark.parametrize("tissue", [Tissue.CAVUM, Tissue.CORPUS_CALLOSUM, Tissue.CEREBELLUM])
def test_anatomy_that_lacks_what_shall_be_absent_is_refused(built, tissue):
    labels = np.where(built.array == tissue, Tissue.WHITE_MATTER, built.array)
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.CopyInformation(built.labels)
    kind = {
        Tissue.CAVUM: "absent_cavum",
        Tissue.CORPUS_CALLOSUM: "absent_corpus_callosum",
        Tissue.CEREBELLUM: "large_cisterna_magna",
    }[tissue]
    with pytest.raises(InputError, match="an anatomy with a"):
        with_pathology(Anatomy(image, built.centre_mm), **CONFIGURED[kind])


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "--pathology: expected JSON"),
        ('{"kind": "other"}', "kind"),
        ('{"kind": "absent_cavum", "atrium_mm": 12}', "atrium_mm: expected a key"),
        ('{"kind": "cyst", "diameter_mm": 12}', "centre_mm: expected a value"),
        ('{"kind": "ventriculomegaly", "atrium_mm": -1}', "atrium_mm: expected greater than 0"),
    ],
)
def test_mistake_in_a_pathology_is_named(text, place):
    with pytest.raises(InputError, match=place):
        load_pathology(text)


def test_command_line_takes_a_pathology(tmp_path: Path, command_line):
    out = tmp_path / "v.nii.gz"
    text = json.dumps({"kind": "cyst", "centre_mm": [0, 0, 0], "diameter_mm": 12})
    settings = small_settings(32)
    coarse = settings.anatomy.model_copy(update={"spacing_mm": 2.0})
    settings = settings.model_copy(update={"anatomy": coarse})
    arguments = ["simulate", "--row=volume=v subject=s modality=mr ga_weeks=22", f"--out={out}"]
    arguments += [f"--pathology={text}", f"--settings={settings.model_dump_json()}"]
    assert command_line(*arguments)[0] == 0
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "v_labels.nii.gz")))
    assert (labels == Tissue.CYST).any()
