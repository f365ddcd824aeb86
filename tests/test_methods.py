"""The one table of methods is complete and agrees with the networks that are made of it."""

from typing import get_args

from ssus2mri.config.learn import WeightSettings
from ssus2mri.evaluate.gap_closed import LOWER_BOUND
from ssus2mri.learn.generators import _GENERATORS
from ssus2mri.learn.objectives.make import _OBJECTIVES
from ssus2mri.methods import METHODS, ROLES, MethodName


def names(**traits) -> set[str]:
    """Return the methods with these traits."""
    return {
        name
        for name, method in METHODS.items()
        if all(getattr(method, trait) == value for trait, value in traits.items())
    }


def test_every_method_is_in_the_table():
    assert set(METHODS) == set(get_args(MethodName))


def test_every_term_has_a_weight():
    terms = {term for method in METHODS.values() for term in method.terms}
    assert terms == set(WeightSettings.model_fields)


def test_methods_that_learn_have_a_generator_and_an_objective():
    assert names(learns=True) == set(_GENERATORS) == set(_OBJECTIVES)
    assert names(learns=False) == names(role="reference") == {"copy", "atlas", "matched"}


def test_traits_of_single_methods():
    assert names(needs_truth=True) == names(role="upper_bound") == {"paired", "simulated"}
    assert names(needs_labels=True) == {"simulated"}
    assert names(shown_match=True) == {"matched"}
    assert names(gaussian=True) == {"cyclegan", "cut"}
    assert ROLES[LOWER_BOUND] == "reference"
