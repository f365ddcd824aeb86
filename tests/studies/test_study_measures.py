"""The study of measures: rank correlations and the measures without truth, on known answers."""

import numpy as np
import pandas as pd
import pytest
from controlled import edge_agreement, explained
from correlate import correlations, spearman
from runs import wide
from scipy.stats import spearmanr

INSIDE = np.ones((40, 40), bool)


def test_correlation_of_known_orders():
    order = np.arange(10.0)
    table = pd.concat(
        pd.DataFrame(
            {
                "synthesis": [f"s{k}" for k in range(10)],
                "subject": subject,
                "truth": order,
                "same": order**3,
                "reverse": -order,
                "constant": 1.0,
                "gaps": np.where(order < 4, np.nan, order),
            }
        )
        for subject in "ab"
    )

    correlated = correlations(table, "truth", unit="subject").set_index("measure")
    assert correlated.loc[["same", "reverse", "gaps"], "rho"].tolist() == [1, -1, 1]
    assert correlated.loc["same", ["low", "high"]].tolist() == [1, 1]
    assert np.isnan(correlated.loc["constant", "rho"])
    assert correlated["n"].to_dict() == {"same": 10, "reverse": 10, "constant": 10, "gaps": 6}


def test_spearman_is_that_of_scipy_with_ties_too():
    a, b = np.random.default_rng(0).integers(5, size=(2, 30)).astype(float)

    assert spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)


def test_summary_of_a_cohort_becomes_a_row_per_run():
    rows = [
        ("ours", "ssim", "truth", 0.5),
        ("ours", "mae_cortex", "truth", 0.2),
        ("ours", "mae_ventricles", "truth", 0.4),
        ("ours", "deformation", np.nan, 0.3),
    ]
    table = wide(pd.DataFrame(rows, columns=["run", "measure", "kind", "mean"]))

    assert table[["true SSIM", "tissue error", "deformation"]].iloc[0].tolist() == pytest.approx(
        [0.5, 0.3, 0.3]
    )


def test_borders_along_those_of_the_scan():
    y, x = np.indices((40, 40)) / 3
    rows, columns = np.sin(y), np.sin(x)

    assert edge_agreement(rows, 1 - rows, INSIDE) == pytest.approx(1)
    assert edge_agreement(rows, columns, INSIDE) == pytest.approx(0, abs=1e-3)


def test_tissues_that_explain_the_scan():
    tissue = np.repeat(np.arange(40) // 4 % 2, 40).reshape(40, 40).astype(np.uint8)
    noise = np.random.default_rng(0).normal(size=(40, 40))

    assert explained(tissue * 0.5, tissue, INSIDE) > 0.8
    assert explained(noise, tissue, INSIDE) < 0.05
