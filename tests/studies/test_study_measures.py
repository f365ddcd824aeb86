"""The study of measures: rank correlations and the measures without truth, on known answers."""

import numpy as np
import pandas as pd
import pytest
from controlled import edge_agreement
from correlate import correlations, spearman
from scipy.stats import spearmanr
from subjects import EVERY, SIZE, subject
from trained import by_scan, size_error

from ssus2mri.segment.classes import class_of

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


def test_borders_along_those_of_the_scan():
    y, x = np.indices((40, 40)) / 3
    rows, columns = np.sin(y), np.sin(x)

    assert edge_agreement(rows, 1 - rows, INSIDE) == pytest.approx(1)
    assert edge_agreement(rows, columns, INSIDE) == pytest.approx(0, abs=1e-3)


def segmented(run, volume, **values):
    """Rows of `segment`: measure -> value and truth."""
    return [
        {"run": run, "volume": volume, "measure": measure, "value": value, "truth": truth}
        for measure, (value, truth) in values.items()
    ]


def test_error_of_sizes_counts_what_is_not_found():
    rows = segmented("ours", "a", atrium=(8.0, 7.0), transcerebellar=(np.nan, 20.0))
    rows += segmented("ours", "a", dice_mean=(0.5, 1.0))
    rows += segmented("copy", "a", atrium=(9.0, 7.0), transcerebellar=(19.0, 20.0))

    assert size_error(pd.DataFrame(rows)).to_dict() == {("ours", "a"): 10.5, ("copy", "a"): 1.5}


def test_subject_is_simulated_in_atlas_space():
    ill = subject("s", 23.0, "us")

    assert ill.truth.shape == ill.classes.shape == (SIZE,) * 3
    assert ill.slices.image.max() <= 1
    assert (np.diff(ill.slices.index[ill.slices.plane == 0]) == EVERY).all()
    # Upright and centred: the true labels of a slice are the classes of the volume there.
    axial = np.flatnonzero(ill.slices.plane == 0)
    middle = axial[len(axial) // 2]
    seen = class_of(ill.slices.labels[middle])
    assert (seen == ill.classes[ill.slices.index[middle]]).all()


def test_a_row_per_run_and_scan():
    keys = [{"run": run, "volume": volume} for run in ("ours", "copy") for volume in "ab"]
    slices = pd.DataFrame([key | {"kind": kind} for key in keys for kind in ("truth", "pair")])
    names = ("ssim", "ssim_brain", "ms_ssim", "nmi", "psnr", "mae", "ssim_registered")
    slices = slices.assign(**dict.fromkeys(names, 0.5))
    slices.loc[slices["kind"] == "truth", "ssim"] = [0.1, 0.2, 0.3, 0.4]
    segment = [
        row
        for key in keys
        for row in segmented(*key.values(), dice_mean=(0.5, 1.0), atrium=(7.0, 7.0))
    ]
    without_truth = ("agreement", "tissues_scan", "tissues_atlas")
    segment += [row | {"measure": name} for row in segment[::2] for name in without_truth]
    segment = pd.DataFrame(segment)
    segment["pathology"] = segment["volume"].map({"b": "cyst"})
    deformed = ("deformation", "similarity_before", "similarity_after")
    table = by_scan(
        register=pd.DataFrame(keys).assign(**dict.fromkeys(deformed, 0.2)),
        compare=slices,
        segment=segment,
        probe=pd.DataFrame(keys).assign(psnr_db=60.0, dice=0.3),
    )

    assert table[["run", "volume"]].to_numpy().tolist() == [
        *(["copy", "a"], ["ours", "a"]),
        *(["copy", "b"], ["ours", "b"]),
    ]
    assert table["ssim"].tolist() == [0.3, 0.1, 0.4, 0.2]
    assert (table["pair_ssim"] == 0.5).all()
    assert (table["tissues_scan"] == 0.5).all()
    assert (table["size_error_mm"] == 0).all()
