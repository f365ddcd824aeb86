import numpy as np
import pytest
import torch
from skimage.feature import canny

from ssus2mri.models.edges import EdgeNet


def network(low=0.02, high=0.05):
    return EdgeNet(sigma=1.0, low=low, high=high)


def disc(size=64, radius=20.0):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return torch.from_numpy((np.hypot(y, x) < radius).astype(np.float32))[None, None]


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
    found = network()(disc())[0, 0].numpy() > 0
    expected = canny(disc()[0, 0].numpy(), sigma=1.0, low_threshold=0.05, high_threshold=0.1)
    y, x = np.mgrid[:64, :64] - 31.5
    assert np.abs(np.hypot(y, x)[found] - 20).max() < 1.5
    assert found.sum() < 2 * expected.sum()
    assert found[expected].mean() > 0.7


def test_thresholds_continue_an_edge_and_leave_a_faint_one_out():
    image = torch.zeros(1, 1, 32, 32)
    image[:, :, :10, 16:], image[:, :, 10:12, 16:], image[:, :, 20:, 16:] = 1.0, 0.3, 0.3
    found = network(low=0.05, high=0.25)(image)[0, 0, :, 15:17].amax(dim=1) > 0
    assert found[:9].all()
    assert found[10]
    assert not found[24:].any()


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
