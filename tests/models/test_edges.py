import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from conftest import configured
from numpy.typing import NDArray
from phantom_learn import settings
from phantom_simulate import small_settings
from scipy import ndimage
from skimage.feature import canny

from ssus2mri.config.prepare import ExtractSettings
from ssus2mri.images import geometry
from ssus2mri.models.edges import EdgeNet
from ssus2mri.prepare.extract import choose
from ssus2mri.prepare.intensity import scaled
from ssus2mri.simulate.anatomy import built_in
from ssus2mri.simulate.cohort import simulate
from ssus2mri.slicing import cut

AROUND = np.ones((3, 3), bool)
DATA = Path(os.environ.get("SSUS2MRI_DATA", "."))
EXTRACT = configured(ExtractSettings, "extract")


def network(low=0.02, high=0.05):
    return EdgeNet(sigma=1.0, low=low, high=high)


def disc():
    y, x = np.mgrid[:64, :64] - 31.5
    return torch.from_numpy((np.hypot(y, x) < 20).astype(np.float32))[None, None]


def test_a_ramp_has_its_slope_as_magnitude():
    ramp = (torch.arange(32.0) * 0.1).expand(1, 1, 32, 32)
    for image in (ramp, ramp.mT):
        assert network()(image)[0, 0, 16, 16].item() == pytest.approx(0.1, abs=1e-6)


def test_a_step_gives_a_line_at_the_step():
    image = torch.zeros(1, 1, 32, 32)
    image[..., 16:] = 1.0
    columns = (network()(image) > 0).all(dim=2)[0, 0].nonzero().flatten().tolist()
    assert columns  # the step lies between 15 and 16, which are equally steep
    assert set(columns) <= {15, 16}


def test_a_disc_gives_the_ring_that_canny_finds():
    detected = network()(disc())[0, 0].numpy() > 0
    expected = canny(disc()[0, 0].numpy(), sigma=1.0, low_threshold=0.05, high_threshold=0.1)
    y, x = np.mgrid[:64, :64] - 31.5
    assert np.abs(np.hypot(y, x)[detected] - 20).max() < 1.5
    assert detected.sum() < 2 * expected.sum()
    assert detected[expected].mean() > 0.7


def test_thresholds_continue_an_edge_and_leave_a_faint_one_out():
    image = torch.zeros(1, 1, 32, 32)
    image[:, :, :10, 16:], image[:, :, 10:12, 16:], image[:, :, 20:, 16:] = 1.0, 0.3, 0.3
    detected = network(low=0.05, high=0.25)(image)[0, 0, :, 15:17].amax(dim=1) > 0
    assert detected[:9].all()
    assert detected[10]
    assert not detected[24:].any()


def test_it_is_frozen_and_passes_the_gradient():
    edges = network()
    assert not list(edges.parameters())
    assert not edges.state_dict()
    image = disc().requires_grad_()
    edges(image).sum().backward()
    assert torch.isfinite(image.grad).all()
    assert image.grad.abs().sum() > 1
    flat = torch.full((1, 1, 32, 32), 0.5, requires_grad=True)
    edges(flat).sum().backward()
    assert torch.isfinite(flat.grad).all()


def slices_of(image: sitk.Image, mask: sitk.Image) -> NDArray[np.float32]:
    """Every ninth slice of an MR, all planes, scaled as `extract` does."""
    inside = sitk.GetArrayFromImage(mask) > 0
    unit = scaled(sitk.GetArrayFromImage(image), inside, EXTRACT.mr_percentiles)[0]
    return cut(unit, *zip(*choose(inside, EXTRACT)[::9], strict=True))


def f_score(detected: NDArray[np.bool_], expected: NDArray[np.bool_]) -> float:
    """Agreement of edges, one pixel off allowed."""
    precise = detected[ndimage.binary_dilation(expected, AROUND)].sum() / detected.sum()
    complete = expected[ndimage.binary_dilation(detected, AROUND)].sum() / expected.sum()
    return float(2 * precise * complete / (precise + complete))


def agreement(slices: NDArray[np.float32]) -> list[float]:
    """F-score of each slice against Canny with the same sigma and thresholds.

    Scikit-image's Sobel filter gives a ramp of slope 1 a magnitude of 8.
    """
    edges = settings().network.edges
    detected = EdgeNet(**edges.model_dump())(torch.from_numpy(slices)[:, None])[:, 0].numpy() > 0
    references = [
        canny(
            image,
            sigma=edges.sigma,
            low_threshold=8 * edges.low,
            high_threshold=8 * edges.high,
            mode="nearest",
        )
        for image in slices
    ]
    return [
        f_score(image, reference) for image, reference in zip(detected, references, strict=True)
    ]


def test_f_score_by_hand():
    line = np.zeros((9, 9), bool)
    line[2] = True
    assert f_score(line, line) == 1
    assert f_score(np.roll(line, 1, axis=0), line) == 1
    assert f_score(np.roll(line, 2, axis=0) | line, line) == pytest.approx(2 * 0.5 / 1.5)


def test_edges_of_simulated_mr_are_those_of_canny():
    simulation = small_settings(96)
    anatomy = built_in(23, simulation.anatomy)
    scan = simulate(
        "m", subject="m", modality="mr", ga_weeks=23, anatomy=anatomy, settings=simulation
    )
    assert np.min(agreement(slices_of(scan.image, scan.truth > 0))) >= 0.8


@pytest.mark.slow
@pytest.mark.skipif("SSUS2MRI_DATA" not in os.environ, reason="SSUS2MRI_DATA is not set")
@pytest.mark.parametrize("name", ["crl-22w", "crl-23w", "crl-24w", "wu-22w", "wu-23w", "wu-24w"])
def test_edges_of_real_mr_are_those_of_canny(name):
    image = sitk.ReadImage(str(DATA / "mr_atlases" / f"{name}_t2w.nii.gz"), sitk.sitkFloat32)
    mask = sitk.ReadImage(str(DATA / "mr_atlases" / f"{name}_mask.nii.gz"))
    centre = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    grid, still = geometry.grid(160, 0.6, centre), sitk.TranslationTransform(3)
    scores = agreement(
        slices_of(
            geometry.resample(image, grid, still),
            geometry.resample(mask, grid, still, nearest=True),
        )
    )
    assert np.min(scores) >= 0.8  # unlike `min` it does not pass over nan
