"""Ratings: files that are refused, and numbers by hand of those that are not."""

import re

import numpy as np
import pandas as pd
import pytest
from phantom_evaluate import score_settings
from phantom_rate import CERTIFICATES, key_of, rate_settings, sent, signed, written_study

from ssus2mri.errors import InputError
from ssus2mri.rate.agreement import differences, icc
from ssus2mri.rate.collect import MOS, run_collect
from ssus2mri.rate.opinion import opinion

# Shrout and Fleiss 1979, Table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written_study(tmp_path_factory.mktemp("study"))


def collected(page, files, out, **changes):
    settings = rate_settings(**changes)
    key = page.with_name("key.csv")
    run_collect(files, key=key, out=out, settings=settings, score=score_settings())
    return {
        name: pd.read_csv(out / f"{name}.csv", keep_default_na=False, na_values=[""])
        for name in ("ratings", "mos", "agreement")
    }


def test_icc_of_the_published_example():
    """Shrout and Fleiss 1979, Table 4: 0.17, 0.29 and, of the mean of four, 0.62."""
    assert icc(SHROUT_FLEISS) == pytest.approx((0.17, 0.29, 0.62), abs=0.005)


def test_icc_at_its_ends():
    alike = np.repeat([[1.0], [3.0], [5.0]], 2, axis=1)
    assert icc(alike) == pytest.approx((1, 1, 1))
    assert np.isnan(icc(np.full((3, 2), 4.0))).all()
    # An observer who is always two higher orders the images alike, but does not agree.
    shifted = icc(alike + np.array([0.0, 2.0]))
    assert shifted.single == pytest.approx(4 / (4 + 2))


def test_differences_of_every_pair():
    assert sorted(differences(np.array([[1.0, 2.0, 5.0]]))) == [1, 3, 4]


def test_opinion_by_hand():
    ratings = np.array([[1.0, 2, 3, 4], [3, 2, 5, 4]])
    scores = opinion(ratings, np.array(["a", "a", "b", "b"]), settings=score_settings())

    assert scores["mean"] == 3
    assert scores["std"] == pytest.approx(np.std([2, 2, 4, 4], ddof=1))
    assert scores["ci_low"] < 3 < scores["ci_high"]
    # The extremes: only volume a by the first observer, only b by the second.
    assert scores["ci_low"] >= 1.5
    assert scores["ci_high"] <= 4.5


def test_one_observer_of_one_volume_has_no_interval():
    result = opinion(np.array([[1.0, 2.0]]), np.array(["a", "a"]), settings=score_settings())
    assert (result["mean"], result["ci_low"], result["ci_high"]) == (1.5, None, None)


def test_a_whole_study_by_hand(page, tmp_path):
    """Experts give alpha 4, beta 2, real 5; of beginners one is always one lower, repeats too."""
    expert = {"alpha": 4, "beta": 2, "real": 5}
    files = [
        sent(page, "E1", "expert", lambda row: expert[row.run], tmp_path),
        sent(page, "E2", "expert", lambda row: expert[row.run] - bool(row.repeat_of), tmp_path),
        sent(page, "B1", "beginner", lambda row: expert[row.run] - 1, tmp_path),
    ]

    tables = collected(page, files, tmp_path / "out")

    mos = tables["mos"].set_index(["group", "run"])
    assert mos["mean"].to_dict() == {
        ("beginner", "alpha"): 3,
        ("beginner", "beta"): 1,
        ("beginner", "real"): 4,
        ("expert", "alpha"): 4,
        ("expert", "beta"): 2,
        ("expert", "real"): 5,
    }
    assert (mos["std"] == 0).all()
    assert (mos["n_images"] == 24).all()
    assert mos.loc["expert", "n_observers"].tolist() == [2, 2, 2]
    agreement = tables["agreement"].set_index(["group", "kind"])
    assert agreement.loc[("expert", "between"), "icc"] == pytest.approx(1)
    assert agreement.loc[("beginner", "within"), "icc"] == pytest.approx(1)
    assert agreement.loc[("expert", "within"), "n_images"] == 16
    assert agreement.loc[("expert", "within"), "equal"] == 0.5
    assert agreement.loc[("expert", "within"), "mean_difference"] == 0.5
    assert np.isnan(agreement.loc[("beginner", "between"), "icc"])
    # Of the three pairs of all observers two differ by one.
    assert agreement.loc[("all", "between"), "mean_difference"] == pytest.approx(2 / 3, abs=1e-6)
    assert len(tables["ratings"]) == 240


def test_opinions_say_what_the_models_have_seen(page, tmp_path):
    tables = collected(page, [sent(page, "E1", "expert", lambda row: 3, tmp_path)], tmp_path)
    ratings = tables["ratings"].fillna("")
    for run, certificate in {**CERTIFICATES, "real": ""}.items():
        own = ratings[ratings["run"] == run]
        assert set(own["certificate"]) == {certificate}
        assert set(own[own["seen"] == "yes"]["volume"]) == ({"us-8"} if run == "beta" else set())
    mos = tables["mos"].set_index("run")
    assert mos["certificate"].fillna("").to_dict() == {**CERTIFICATES, "real": ""}
    assert mos["n_seen"].to_dict() == {"alpha": 0, "beta": 1, "real": 0}
    both = " ".join(CERTIFICATES.values())
    assert set(tables["agreement"]["certificate"]) == {both}
    assert set(tables["agreement"]["n_seen"]) == {1}


def test_no_file_gives_headers_only(page, tmp_path):
    tables = collected(page, [], tmp_path)
    assert all(table.empty for table in tables.values())
    assert tuple(tables["mos"].columns) == MOS


def test_line_ends_and_marks_of_mail_programs_do_not_matter(page, tmp_path):
    path = sent(page, "E1", "expert", lambda row: 3, tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert len(collected(page, [path], tmp_path / "out")["ratings"]) == 80


def lines_of(page, tmp_path):
    path = sent(page, "E1", "expert", lambda row: 3, tmp_path)
    return path.read_text().splitlines(keepends=True)


def again_signed(change):
    """Change the lines between header and checksum, and make the checksum fit."""
    return lambda lines, path: signed("".join([lines[0], *change(lines[1:-1])]), path)


def first_row(old, new):
    return again_signed(lambda rows: [rows[0].replace(old, new), *rows[1:]])


def every_row(old, new):
    return again_signed(lambda rows: [row.replace(old, new) for row in rows])


def unsigned(change):
    """Change the file and leave its checksum."""
    return lambda lines, path: path.write_text(change("".join(lines)))


REFUSED = {
    "another file": (unsigned(lambda text: "a,b\n1,2\n"), "first line 'a,b'"),
    "empty": (unsigned(lambda text: ""), "first line ''"),
    "a rating changed": (unsigned(lambda text: text.replace(",3\n", ",5\n", 1)), "it was changed"),
    "cut short": (unsigned(lambda text: text[:900]), "cut short"),
    "saved by Excel": (unsigned(lambda text: text.replace("\n", ",,\n")), "first line"),
    "a rating of 6": (first_row(",3\n", ",6\n"), "line 2: "),
    "partial": (again_signed(lambda rows: rows[:40]), "40 of 80 images rated"),
    "no rating": (again_signed(lambda rows: []), "no rating"),
    "an image twice": (again_signed(lambda rows: [*rows, rows[0]]), "1 more than once"),
    "another study": (
        again_signed(lambda rows: ["0" * 12 + row[12:] for row in rows]),
        "study 000000000000, whose images were others",
    ),
    "an unknown image": (
        again_signed(lambda rows: [re.sub(r",\w{8},3", ",00000000,3", rows[0]), *rows[1:]]),
        "1 unknown images",
    ),
    "two observers": (first_row("E1", "E2"), "several observers"),
    "an unknown group": (
        every_row("expert", "surgeon"),
        "expected a group out of expert, beginner; found surgeon",
    ),
    "positions out of order": (first_row(",1,", ",2,"), "positions out of order"),
    "markup for a code": (every_row("E1", "<b>E1</b>"), "line 2: "),
    "a formula for a code": (every_row("E1", "=1+1"), "line 2: "),
    "bytes": (lambda lines, path: path.write_bytes(b"\x89PNG\xff"), "not UTF-8"),
    "huge": (lambda lines, path: path.write_bytes(b"0" * 1_000_001), "more than 1000000 bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_is_refused_with_its_reason(page, tmp_path, case):
    change, message = REFUSED[case]
    path = tmp_path / "ratings-E1.csv"
    change(lines_of(page, tmp_path), path)

    with pytest.raises(InputError, match=re.escape(message)) as refusal:
        collected(page, [path], tmp_path / "out")

    assert str(refusal.value).startswith(str(path))
    assert not (tmp_path / "out").exists()


def test_every_fault_is_named_at_once(page, tmp_path):
    good = sent(page, "E1", "expert", lambda row: 3, tmp_path)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(good.read_bytes())
    with pytest.raises(InputError) as refusal:
        collected(page, [good, copy, tmp_path / "gone.csv"], tmp_path / "out")

    messages = str(refusal.value).splitlines()
    assert f"found observer E1 in {good} too" in messages[0]
    assert "gone.csv" in messages[1]
    assert not (tmp_path / "out").exists()


def test_the_key_must_be_one(tmp_path, page):
    files = [sent(page, "E1", "expert", lambda row: 3, tmp_path)]
    settings = {"settings": rate_settings(), "score": score_settings()}
    with pytest.raises(InputError, match=r"nokey\.csv"):
        run_collect(files, key=tmp_path / "nokey.csv", out=tmp_path, **settings)
    header = key_of(page).columns
    (tmp_path / "key.csv").write_text(",".join(header) + "\n")
    run_collect([], key=tmp_path / "key.csv", out=tmp_path, **settings)
    assert (tmp_path / "mos.csv").read_text() == ",".join(MOS) + "\n"
    with pytest.raises(InputError, match="expected a row per image"):
        run_collect(files, key=tmp_path / "key.csv", out=tmp_path, **settings)
