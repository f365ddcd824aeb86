"""What speaks for a fetal head, and every reason to refuse."""

import math

import numpy as np
import pytest
from phantom_prediction import SIZE, network, prepared, saying

from ssus2mri.prediction.average import AverageHead
from ssus2mri.prediction.evidence import NAMES, evidence, head_probability, mr_likeness, reasons
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
    "likeness": 0.1,
    "max_likeness": 0.2,
}


def head() -> tuple[Maps, np.ndarray]:
    """Maps of a brain in a skull, and an ultrasound of it."""
    tissue = np.zeros((len(SHOWN), SIZE, SIZE, SIZE), np.float16)
    skull, brain = (RADIUS >= 9) & (RADIUS < 11), RADIUS < 9
    tissue[SHOWN.index(Tissue.SKULL)] = skull
    tissue[SHOWN.index(Tissue.WHITE_MATTER)] = brain
    tissue[0] = RADIUS >= 11
    return Maps(brain.astype(np.float32), tissue, None), np.where(skull, 1.0, 0.3 * brain + 0.05)


def test_a_skull_where_the_network_sees_one():
    maps, us = head()
    seen = evidence(maps, prepared(us, head=RADIUS < 11))
    assert tuple(seen) == NAMES
    assert seen["overlap"] == seen["certainty"] == 1.0
    assert seen["landmarks"] == 0.0  # a brain of white matter alone
    assert seen["roundness"] == pytest.approx(1.0, abs=0.01)  # a ball
    assert seen["pose"] == 0.9
    maps.tissue[SHOWN.index(Tissue.CAVUM), 16, 16, 16] = 0.5
    assert evidence(maps, prepared(us, head=RADIUS < 11))["landmarks"] == 0.125


def test_a_skull_where_the_network_sees_none():
    maps, us = head()
    assert evidence(maps, prepared(us, head=RADIUS < 5))["overlap"] < 0.4


def test_a_head_is_longer_than_wide():
    maps, us = head()
    z, y, x = np.indices((SIZE,) * 3) - (SIZE - 1) / 2
    maps.tissue[:] = 0
    maps.tissue[SHOWN.index(Tissue.CORTEX)] = egg = np.hypot(np.hypot(z, y) / 12, x / 9) < 1
    maps.tissue[0] = ~egg
    seen = evidence(maps, prepared(us, head=egg))
    assert seen["roundness"] == pytest.approx(0.75, abs=0.02)


def test_a_network_that_sees_nothing():
    net = network(saying(Tissue.BACKGROUND))
    shown = prepared((RADIUS < 9).astype(float))
    seen = evidence(synthesise(shown, net, 23.0), shown)
    assert seen["overlap"] == 0.0


def test_the_probability_is_that_of_the_regression():
    values = dict.fromkeys(NAMES, 0.5)
    weights = {"offset": -1.0, **dict.fromkeys(NAMES, 1.0)}
    expected = 1 / (1 + math.exp(1.0 - 0.5 * len(NAMES)))
    assert head_probability(values, weights) == pytest.approx(expected)


def test_likeness_to_mr_is_the_correlation_within_the_brain():
    labels = np.where(RADIUS < 9, Tissue.WHITE_MATTER, Tissue.SKULL).astype(np.uint8)
    mr = np.random.default_rng(0).random(labels.shape).astype(np.float32)
    average = AverageHead(mr, labels)
    outside = np.where(RADIUS < 9, 0, 1 - mr)
    assert mr_likeness(0.5 * mr + outside, average) == pytest.approx(1.0)
    assert mr_likeness(1 - mr, average) == pytest.approx(-1.0)
    assert mr_likeness(np.zeros_like(mr), average) == 0.0


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
        ({"pose": {"similarity": 0.2}}, {"likeness": None}, None),
        ({}, {"likeness": 0.31}, "grey values as of an MR (correlation 0.31"),
    ],
)
def test_reasons(scan, changes, clause):
    clauses = reasons(prepared(np.ones((2, 2, 2)), **scan), **(GOOD | changes))
    assert (clauses == []) if clause is None else (len(clauses) == 1 and clause in clauses[0])
