"""Blending: the average head decides where the network does not know, and heals nothing."""

import numpy as np
import pytest
import torch
from phantom_prediction import sections

from ssus2mri.prediction import blend as module
from ssus2mri.prediction.average import DeformedHead
from ssus2mri.prediction.blend import Seen, blend, blended_tissue, mr_weight
from ssus2mri.tissues import SHOWN, Tissue

SETTINGS = sections()["predict"].blend
WHITE, CORTEX, FLUID = (
    SHOWN.index(t) for t in (Tissue.WHITE_MATTER, Tissue.CORTEX, Tissue.VENTRICLES)
)


def shares(**tissues: float) -> torch.Tensor:
    """Return probabilities in a single voxel."""
    values = torch.zeros(len(SHOWN), 1)
    for name, share in tissues.items():
        values[SHOWN.index(Tissue[name.upper()])] = share
    return values


def likeliest(network: torch.Tensor, average: torch.Tensor) -> Tissue:
    blended = blended_tissue(network, average, SETTINGS)
    assert blended.sum() == pytest.approx(1, abs=1e-5)
    return SHOWN[int(blended.argmax())]


def test_the_average_head_decides_what_the_network_does_not_know():
    unsure = shares(white_matter=0.55, cortex=0.45)
    assert likeliest(unsure, shares(cortex=1.0)) == Tissue.CORTEX
    sure = shares(white_matter=0.97, cortex=0.03)
    assert likeliest(sure, shares(cortex=1.0)) == Tissue.WHITE_MATTER


def test_no_fluid_and_no_lesion_is_taken_away():
    for name in ("ventricles", "cyst", "bleed", "choroid_plexus"):
        seen = shares(**{name: 0.6, "white_matter": 0.4})
        assert likeliest(seen, shares(white_matter=1.0)) == Tissue[name.upper()]


@pytest.mark.parametrize(("fluid", "share"), [(0.0, 1.0), (0.4, 0.6), (1.0, 0.0)])
def test_its_mr_counts_less_where_it_lacks_fluid(fluid, share):
    network = shares(ventricles=fluid, white_matter=1 - fluid)
    weight = mr_weight(network, shares(white_matter=1.0), SETTINGS)
    assert float(weight) == pytest.approx(SETTINGS.mr_weight * share)
    both = mr_weight(network, shares(ventricles=1.0), SETTINGS)
    assert float(both) == pytest.approx(SETTINGS.mr_weight)


def test_both_are_blended_voxel_by_voxel(monkeypatch):
    edge = 6
    tissue = torch.zeros(len(SHOWN), edge, edge, edge)
    tissue[WHITE] = 1
    average = DeformedHead(np.full((edge,) * 3, 0.8, np.float32), tissue.numpy().copy())
    asked = []

    def deform(head, mr, brain, **rest):
        asked.append((mr.mean(), brain.all(), rest["spacing_mm"]))
        return average

    monkeypatch.setattr(module, "deform", deform)
    mr = torch.full((edge,) * 3, 0.4)
    seen = Seen(mr, 0.1 * mr, tissue)
    both = blend(seen, 23.0, spacing_mm=1.5, settings=SETTINGS)
    assert asked == [(pytest.approx(0.4), True, 1.5)]
    assert torch.allclose(both.mr, torch.full_like(mr, 0.4 + 0.4 * SETTINGS.mr_weight))
    assert torch.equal(both.spread, seen.spread)
    assert (both.tissue.argmax(0) == WHITE).all()
