"""The page of the opinion study: what it shows, in which order, and what it does not tell."""

import json
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from phantom_evaluate import slices, store
from phantom_rate import PLACES, RUNS, key_of, rate_settings, written_study
from phantom_render import decoded

from ssus2mri.errors import InputError
from ssus2mri.rate.showing import REAL, Place, choose, showings
from ssus2mri.rate.study import run_rate
from ssus2mri.slices import PLANES, read


def places(count, volumes=("a", "b")):
    return [
        Place(volume, plane, index, "mr", index)
        for volume in volumes
        for plane in PLANES
        for index in range(count)
    ]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return written_study(tmp_path_factory.mktemp("study"))


def content(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="study">(.*?)</script>', text, re.DOTALL)[1])


def test_every_run_and_real_mr_are_shown_at_the_same_places():
    circle = showings(places(20), RUNS, rate_settings())
    firsts = [shown for shown in circle if not shown.repeat_of]

    assert len(circle) == 80
    assert len({shown.image for shown in circle}) == 80
    assert Counter(shown.run for shown in firsts) == dict.fromkeys((*RUNS, REAL), 24)
    by_run = {run: {s.place for s in firsts if s.run == run} for run in (*RUNS, REAL)}
    assert by_run["alpha"] == by_run["beta"] == by_run[REAL]
    assert Counter(place.plane for place in by_run[REAL]) == dict.fromkeys(PLANES, 8)
    assert Counter(place.volume for place in by_run[REAL]) == {"a": 12, "b": 12}


def test_repeats_are_spread_over_runs_and_far_from_their_first_showing():
    circle = showings(places(20), RUNS, rate_settings(repeats=8))
    at = {shown.image: number for number, shown in enumerate(circle)}
    repeats = [shown for shown in circle if shown.repeat_of]

    assert len(repeats) == 80 - 3 * 24
    assert sorted(Counter(shown.run for shown in repeats).values()) == [2, 3, 3]
    for shown in repeats:
        first = circle[at[shown.repeat_of]]
        assert (first.run, first.place, first.repeat_of) == (shown.run, shown.place, "")
        steps = abs(at[shown.image] - at[first.image])
        assert min(steps, 80 - steps) >= 20


def test_the_order_is_seeded():
    first, again = (showings(places(20), RUNS, rate_settings()) for _ in range(2))
    other = showings(places(20), RUNS, rate_settings(seed=1))

    assert first == again
    assert [s.run for s in first] != [s.run for s in other]
    assert not {s.image for s in first} & {s.image for s in other}


def test_no_real_slice_is_shown_for_two_scans():
    chosen = choose(places(4), 24, np.random.default_rng(0))
    assert len(chosen) == 12  # both volumes have the same four places in each plane


def test_few_slices_make_a_short_study():
    circle = showings(places(1, ("a",)), RUNS, rate_settings())
    assert len(circle) == 18  # three places, three kinds, each twice
    assert sum(bool(shown.repeat_of) for shown in circle) == 9


def test_too_few_images_for_the_runs_are_refused():
    with pytest.raises(InputError, match=r"rate\.images: expected at least 11"):
        showings(places(5), RUNS, rate_settings(images=10))


def test_the_key_tells_what_the_page_shows(page):
    key, shown = key_of(page), content(page)["images"]

    assert [row["image"] for row in shown] == key["image"].tolist()
    for image, row in list(zip(shown, key.itertuples(), strict=True))[:12]:
        folder = page.parent.parent
        path = folder / "mr-1.h5" if row.run == REAL else folder / row.run / f"{row.volume}.h5"
        own = read(path)
        number = PLACES.index((PLANES.index(row.plane), row.index))
        expected = own.image[number] if row.plane == "axial" else own.image[number][::-1]
        pixels = np.asarray(decoded(image["source"]), dtype=float)
        np.testing.assert_allclose(pixels / 255, expected, atol=0.003)


def test_the_page_tells_no_run_scan_or_place(page):
    text = re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "", page.read_text(encoding="utf-8"))
    key = key_of(page)
    for word in (*RUNS, REAL, *PLANES, *key["volume"], "synthetic", "ultrasound"):
        assert not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, re.IGNORECASE), word
    assert set(content(page)) == {"study", "images"}
    assert all(set(image) == {"image", "source"} for image in content(page)["images"])
    assert "key.csv" not in text
    assert "repeat_of" not in text


def test_the_page_needs_no_network(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|<link|<script src", text)
    assert "default-src 'none'" in text


def test_words_of_the_configuration_are_escaped(tmp_path):
    title = "<script>alert(1)</script>"
    text = written_study(tmp_path, rate_settings(title=title)).read_text(encoding="utf-8")
    assert title not in text
    assert "&lt;script&gt;alert(1)" in text


def test_same_slices_same_bytes_other_slices_other_study(tmp_path, page):
    again = written_study(tmp_path / "again")
    other = written_study(tmp_path / "other", rate_settings(seed=3))

    assert again.read_bytes() == page.read_bytes()
    assert content(other)["study"] != content(page)["study"]


@pytest.mark.parametrize("changes", [{"uncertain": True}, {"pathology": "cyst"}])
def test_scans_that_are_not_scored_are_not_shown(tmp_path, changes):
    page = written_study(tmp_path, **changes)
    text = page.read_text(encoding="utf-8")
    assert "There is nothing to rate" in text
    assert "data:image" not in text
    assert "<form" not in text
    assert key_of(page).empty


def test_files_that_do_not_fit_are_refused(tmp_path):
    places_of_two = PLACES[:4]
    real = store(tmp_path, slices("mr-1", places_of_two))
    synthetic = {
        run: store(tmp_path / run, slices("us-7", places_of_two, modality="us", run=run))
        for run in ("alpha", "beta", "real")
    }
    other = store(tmp_path / "beta", slices("us-9", places_of_two, modality="us", run="beta"))
    sagittal = replace(slices("us-7", PLACES[:4], modality="us", run="beta"))
    moved = store(tmp_path / "moved", replace(sagittal, index=sagittal.index + 20))
    for files, message in (
        ([real], "slices of a real scan"),
        ([synthetic["real"]], "not called 'real'"),
        ([synthetic["alpha"], other], "run beta: expected slices of us-7"),
        ([synthetic["alpha"], moved], "which another run has"),
    ):
        with pytest.raises(InputError, match=message):
            run_rate(files, references=[real], out=tmp_path / "x.html", settings=rate_settings())
    assert not (tmp_path / "x.html").exists()
