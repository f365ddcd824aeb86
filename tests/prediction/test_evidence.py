"""What speaks for a fetal head, and every reason to refuse."""

import math

import numpy as np
import pytest
from phantom_prediction import SIZE, network, prepared, saying

from ssus2mri.prediction.evidence import NAMES, evidence, head_probability, reasons
from ssus2mri.prediction.synthesise import Maps, synthesise
from ssus2mri.tissues import SHOWN, Tissue

RADIUS = np.linalg.norm(np.indices((SIZE,) * 3) - (SIZE - 1) / 2, axis=0)
GOOD = {
    "ga_weeks": 23.0,
    "ages_weeks": (18.0, 30.0),
    "min_confidence": 0.5,
    "max_size_ratio": 1.33,
    "probability": 0.9,
    "min_head": 0.5,
}


def head(shine: float) -> tuple[Maps, np.ndarray]:
    """Maps of a brain in a skull, and an ultrasound whose skull shines so brightly."""
    tissue = np.zeros((len(SHOWN), SIZE, SIZE, SIZE), np.float16)
    skull, brain = (RADIUS >= 9) & (RADIUS < 11), RADIUS < 9
    tissue[SHOWN.index(Tissue.SKULL)] = skull
    tissue[SHOWN.index(Tissue.WHITE_MATTER)] = brain
    tissue[0] = RADIUS >= 11
    us = np.where(skull, shine, np.where(brain, 0.3, 0.05))
    return Maps(brain.astype(np.float32), tissue, None), us


def test_a_bright_closed_skull():
    maps, us = head(1.0)
    seen = evidence(maps, prepared(us, head=RADIUS < 11))
    assert tuple(seen) == NAMES
    assert seen["overlap"] == seen["certainty"] == seen["closed"] == 1.0
    assert seen["ring"] == pytest.approx(0.7)
    assert seen["landmarks"] == 0.0  # a brain of white matter alone
    assert seen["pose"] == 0.9
    maps.tissue[SHOWN.index(Tissue.CAVUM), 16, 16, 16] = 0.5
    assert evidence(maps, prepared(us, head=RADIUS < 11))["landmarks"] == 0.125


def test_no_skull():
    maps, us = head(0.3)
    seen = evidence(maps, prepared(us, head=RADIUS < 5))
    assert seen["ring"] == pytest.approx(0.0, abs=1e-6)
    assert seen["closed"] == 0.0
    assert seen["overlap"] < 0.4


def test_a_network_that_sees_nothing():
    net = network(saying(Tissue.BACKGROUND))
    shown = prepared((RADIUS < 9).astype(float))
    seen = evidence(synthesise(shown, net, 23.0), shown)
    assert seen["overlap"] == seen["ring"] == seen["closed"] == 0.0


def test_the_probability_is_that_of_the_regression():
    values = dict.fromkeys(NAMES, 0.5)
    weights = {"offset": -1.0, **dict.fromkeys(NAMES, 1.0)}
    expected = 1 / (1 + math.exp(1.0 - 0.5 * len(NAMES)))
    assert head_probability(values, weights) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scan", "changes", "clause"),
    [
        ({}, {}, None),
        ({}, {"ga_weeks": 17.5, "max_size_ratio": 3.0}, "an age of 17.5 weeks, not 18 to 30"),
        ({}, {"ga_weeks": 30.5, "max_size_ratio": 3.0}, "an age of 30.5 weeks"),
        ({}, {"probability": 0.3}, "a fetal head with a probability of 0.30 only"),
        ({"hc_mm": 120.0}, {}, "a circumference of 120 mm where 23 weeks have about 2"),
        ({"pose": {"confidence": 0.2}}, {}, "an uncertain pose"),
        ({"pose": {"similarity": 0.2}}, {"probability": None}, None),
    ],
)
def test_reasons(scan, changes, clause):
    clauses = reasons(prepared(np.ones((2, 2, 2)), **scan), **(GOOD | changes))
    assert (clauses == []) if clause is None else (len(clauses) == 1 and clause in clauses[0])
