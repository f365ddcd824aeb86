"""What a neuroradiologist would look for in the built-in head."""

import numpy as np
import pytest
from numpy.typing import NDArray
from phantom_head import head
from phantom_simulate import small_settings
from scipy import ndimage

from ssus2mri.simulate.anatomy import built_in
from ssus2mri.simulate.biometry import volumes_ml
from ssus2mri.tissues import HEAD, INTRACRANIAL, Tissue

WEEKS = (18, 22, 26, 30)
WOMB = (Tissue.UTERINE_WALL, Tissue.CYST, Tissue.BLEED)
CORE = (
    Tissue.WHITE_MATTER,
    Tissue.GERMINAL_MATRIX,
    Tissue.CAVUM,
    Tissue.CHOROID_PLEXUS,
)


def touching(labels: NDArray[np.uint8], first: tuple, second: tuple) -> int:
    """Faces of voxels shared by both sets of tissues."""
    a, b = np.isin(labels, first), np.isin(labels, second)
    count = 0
    for axis in range(3):
        a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
        count += int((a[1:] & b[:-1]).sum() + (a[:-1] & b[1:]).sum())
        a, b = np.moveaxis(a, 0, axis), np.moveaxis(b, 0, axis)
    return count


def pieces(mask: NDArray[np.bool_]) -> list[float]:
    """Shares of the connected parts, largest first."""
    parts, _ = ndimage.label(mask)
    counts = np.sort(np.bincount(parts.ravel())[1:])[::-1]
    return (counts / counts.sum()).tolist()


@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_every_tissue_is_there(ga_weeks):
    present = set(np.unique(head(ga_weeks).array).tolist())
    assert present == {int(tissue) for tissue in Tissue if tissue not in WOMB}


@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_head_is_symmetric_about_its_midline(ga_weeks):
    anatomy = head(ga_weeks)
    labels = anatomy.array
    assert np.array_equal(labels, labels[:, :, ::-1])
    middle = anatomy.labels.TransformIndexToPhysicalPoint(
        [labels.shape[2] // 2, labels.shape[1] // 2, 0]
    )
    assert middle[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_nothing_touches_what_it_must_not(ga_weeks):
    labels = head(ga_weeks).array
    outside = (
        Tissue.BACKGROUND,
        Tissue.SCALP,
        Tissue.SOFT_TISSUE,
        Tissue.FACIAL_BONE,
        Tissue.AMNIOTIC_FLUID,
    )
    # The skull is closed by bone and membranes.
    assert touching(labels, INTRACRANIAL, outside) == 0
    # Cortex lines the hemispheres; nothing of their inside is bare.
    assert touching(labels, CORE, (Tissue.EXTRA_AXIAL_CSF, Tissue.SKULL, Tissue.SUTURE)) == 0
    # The cavum does not open into a ventricle, nor the ventricles to the fluid around the brain.
    assert touching(labels, (Tissue.CAVUM,), (Tissue.EXTRA_AXIAL_CSF,)) == 0
    leaves = touching(labels, (Tissue.CAVUM,), (Tissue.MIDLINE, Tissue.CORPUS_CALLOSUM))
    assert touching(labels, (Tissue.CAVUM,), (Tissue.VENTRICLES,)) < 0.1 * leaves
    # The skin is whole.
    assert touching(labels, (Tissue.BACKGROUND,), (*HEAD, Tissue.FACIAL_BONE)) == 0


@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_spaces_and_organs_are_whole(ga_weeks):
    labels = head(ga_weeks).array
    for tissues, least in (
        ((Tissue.EXTRA_AXIAL_CSF,), 0.995),
        ((Tissue.SKULL, Tissue.SUTURE), 0.998),
        ((Tissue.CEREBELLUM,), 0.99),
        ((Tissue.BRAINSTEM,), 0.98),
        ((Tissue.CORPUS_CALLOSUM,), 0.97),
        ((Tissue.CAVUM,), 0.99),
        ((Tissue.CORTEX,), 0.95),
        ((Tissue.SOFT_TISSUE, Tissue.SCALP, Tissue.FACIAL_BONE), 0.99),
    ):
        assert pieces(np.isin(labels, tissues))[0] >= least, tissues
    # Two lateral ventricles, the same on both sides, apart from the fluid around the brain.
    shares = pieces(np.isin(labels, (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)))
    assert shares[0] == shares[1] > 0.3
    parts, _ = ndimage.label(np.isin(labels, (Tissue.VENTRICLES, Tissue.CHOROID_PLEXUS)))
    lateral = np.isin(parts, np.argsort(np.bincount(parts.ravel())[1:])[-2:] + 1)
    only = np.where(lateral, Tissue.VENTRICLES, np.where(labels == Tissue.VENTRICLES, 0, labels))
    assert touching(only, (Tissue.VENTRICLES,), (Tissue.EXTRA_AXIAL_CSF,)) == 0


@pytest.mark.parametrize("ga_weeks", WEEKS)
def test_skull_opens_only_at_sutures_and_fontanelles(ga_weeks):
    anatomy = head(ga_weeks)
    labels = anatomy.array
    gaps = labels == Tissue.SUTURE
    bone = labels == Tissue.SKULL
    assert 0.03 < gaps.sum() / (gaps | bone).sum() < 0.18
    middle = labels.shape[2] // 2
    # Along the midline the vault is membrane from the nasion to the lambda, and bone behind it.
    top = labels[:, :, middle]
    rows = np.nonzero((top == Tissue.SUTURE).any(axis=0))[0]
    assert np.ptp(rows) * anatomy.labels.GetSpacing()[0] > 0.75 * top.shape[1] * 0.7 * 0.8
    # The anterior fontanelle is the widest gap of the vault, and lies in its front half.
    upper = gaps & (np.arange(labels.shape[0])[:, None, None] > 0.6 * labels.shape[0])
    near = upper[:, :, middle - 14 : middle + 15].any(axis=0).sum(axis=1)
    inside = np.nonzero(np.isin(labels, HEAD).any(axis=(0, 2)))[0]
    place = (float(np.argmax(near)) - inside[0]) / np.ptp(inside)
    assert 0.25 < place < 0.5
    assert 8 < near.max() * 0.7 < 22


def test_tissues_grow_and_shrink_as_they_should():
    volumes = {ga_weeks: volumes_ml(head(ga_weeks)) for ga_weeks in WEEKS}
    for tissue in ("white_matter", "cortex", "cerebellum", "brainstem", "deep_grey"):
        assert np.all(np.diff([volumes[ga_weeks][tissue] for ga_weeks in WEEKS]) > 0)
    # Kinoshita et al., AJNR 2001: germinal matrix at most 2.3 ml at 23 weeks, little at 28.
    matrix = [volumes[ga_weeks]["germinal_matrix"] for ga_weeks in WEEKS]
    assert 1 < matrix[1] < 3
    assert matrix[3] < 0.2 * matrix[1]
    # The fluid around the brain is relatively widest when young.
    inside = [sum(v[t.name.lower()] for t in INTRACRANIAL) for v in volumes.values()]
    fluid = [volumes[w]["extra_axial_csf"] / all_ for w, all_ in zip(WEEKS, inside, strict=True)]
    assert fluid[0] > fluid[-1] + 0.05
    # So is the plexus, which fills the atrium.
    plexus = [
        v["choroid_plexus"] / (v["choroid_plexus"] + v["ventricles"]) for v in volumes.values()
    ]
    assert np.all(np.diff(plexus) < 0)


def test_tissue_shares_are_those_of_label_atlases():
    # Shares of the intracranial space in the CRL and Chinese atlases of 23 weeks (the labels of
    # both have no matrix, plexus, cavum or midline of their own).
    volumes = volumes_ml(head(23))
    merged = {
        "white matter": volumes["white_matter"] + volumes["germinal_matrix"],
        "ventricles": volumes["ventricles"] + volumes["choroid_plexus"] + volumes["cavum"],
        "cerebellum": volumes["cerebellum"],
        "fluid": volumes["extra_axial_csf"] + volumes["midline"],
        "cortex": volumes["cortex"],
        "deep grey": volumes["deep_grey"],
        "brainstem": volumes["brainstem"],
        "callosum": volumes["corpus_callosum"],
    }
    total = sum(merged.values())
    assert total == pytest.approx(106, rel=0.1)
    atlas = {
        "white matter": 0.34, "ventricles": 0.038, "cerebellum": 0.019, "fluid": 0.362,
        "cortex": 0.168, "deep grey": 0.045, "brainstem": 0.023, "callosum": 0.006,
    }  # fmt: skip
    for name, share in atlas.items():
        assert merged[name] / total == pytest.approx(share, rel=0.35), name


def test_planes_show_their_landmarks():
    anatomy = head(23)
    labels, spacing = anatomy.array, 0.7
    middle = labels.shape[2] // 2
    level = round(float(np.nonzero(labels == Tissue.DEEP_GREY)[0].mean()))
    thalamic = labels[level]
    order = {
        tissue: float(np.nonzero(thalamic == tissue)[0].mean())
        for tissue in (Tissue.CAVUM, Tissue.DEEP_GREY, Tissue.CHOROID_PLEXUS)
    }
    assert order[Tissue.CAVUM] < order[Tissue.DEEP_GREY] < order[Tissue.CHOROID_PLEXUS]
    # The midline echo reaches both poles and is broken by cavum and thalami.
    falx = np.nonzero(thalamic[:, middle] == Tissue.MIDLINE)[0]
    inner = np.nonzero(np.isin(thalamic[:, middle], INTRACRANIAL))[0]
    assert falx[0] - inner[0] < 4
    assert inner[-1] - falx[-1] < 4
    # Cerebellum below the occipital lobes, behind the brainstem, vermis between two hemispheres.
    place = {
        t: np.array(np.nonzero(labels == t)).mean(axis=1) for t in Tissue if (labels == t).any()
    }
    assert place[Tissue.CEREBELLUM][0] < place[Tissue.DEEP_GREY][0] - 8 / spacing
    assert place[Tissue.CEREBELLUM][1] > place[Tissue.BRAINSTEM][1] + 5 / spacing
    plane = labels[round(place[Tissue.CEREBELLUM][0])] == Tissue.CEREBELLUM
    back = [int(np.nonzero(plane[:, x])[0].max()) for x in (middle, middle + 9)]
    assert back[1] > back[0]
    # The corpus callosum arches over the cavum, the face lies below and in front.
    column = labels[:, round(place[Tissue.CAVUM][1]), middle]
    callosum = np.nonzero(column == Tissue.CORPUS_CALLOSUM)[0]
    assert callosum.min() > np.nonzero(column == Tissue.CAVUM)[0].max()
    assert place[Tissue.FACIAL_BONE][0] < place[Tissue.CEREBELLUM][0]
    assert place[Tissue.FACIAL_BONE][1] < place[Tissue.DEEP_GREY][1]


@pytest.mark.parametrize("skull_mm", [1.0, 3.0])
def test_skull_is_as_thick_as_asked(skull_mm):
    settings = small_settings().anatomy.model_copy(update={"skull_mm": skull_mm, "spacing_mm": 0.6})
    labels = built_in(22, settings).array
    level = round(float(np.nonzero(labels == Tissue.DEEP_GREY)[0].mean()))
    row = labels[level, labels.shape[1] // 2]
    bone = np.isin(row, (Tissue.SKULL, Tissue.SUTURE)).sum() * 0.6
    assert bone == pytest.approx(2 * skull_mm, abs=1.0)
    outer = np.nonzero(np.isin(labels[level], HEAD).any(axis=0))[0]
    assert np.ptp(outer) * 0.6 == pytest.approx(55, abs=2)


def test_coarse_and_odd_ages_work():
    for ga_weeks in (16.5, 32.0):
        labels = head(ga_weeks, 1.5).array
        assert {Tissue.SKULL, Tissue.CORTEX, Tissue.VENTRICLES} <= set(np.unique(labels).tolist())
