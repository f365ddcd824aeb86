"""A whole study in a real browser: rated, reloaded halfway, saved and collected."""

import json
from pathlib import Path

import pandas as pd
import pytest
from browser import DESKTOP, PHONE
from phantom_evaluate import score_settings
from phantom_rate import key_of, rate_settings, written_study
from selenium.webdriver.common.keys import Keys

from ssus2mri.rate.collect import run_collect

IMAGES = 24


@pytest.fixture(scope="module")
def settings():
    return rate_settings(images=IMAGES, repeats=3, apart=6)


@pytest.fixture(scope="module")
def study(tmp_path_factory, settings) -> Path:
    return written_study(tmp_path_factory.mktemp("study"), settings)


@pytest.fixture
def page(browser, study):
    """The page before anybody rated."""
    browser.open(study)
    browser.run("localStorage.clear()")
    browser.open(study)
    return browser


def start(page, code, group="expert"):
    """Fill in the form by keyboard alone: consent, code, group, start."""
    if page.run("return document.activeElement.id") != "consent":
        page.press(Keys.TAB)
    page.press(Keys.SPACE, Keys.TAB, code, Keys.TAB, group[0], Keys.TAB, Keys.ENTER)
    page.wait("!document.getElementById('rate').hidden")


def rate(page, rating):
    page.wait("ready")
    page.press(str(rating))


def shown(page) -> str:
    """The opaque name of the image on the screen."""
    return page.run("return shown(ratings.length).image")


def saved(page, folder: Path) -> Path:
    """Follow the link that saves the file, and wait for the file."""
    folder.mkdir()
    page.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)}
    )
    page.press(Keys.ENTER)
    page.driver.implicitly_wait(0)
    for _ in range(200):
        files = list(folder.glob("*.csv"))
        if files:
            return files[0]
        page.run("return new Promise((done) => setTimeout(done, 25))")
    raise AssertionError("no file was saved")


def test_a_whole_study_by_keyboard(page, study, settings, tmp_path):
    run_of = dict(zip(*(key_of(study)[name] for name in ("image", "run")), strict=True))
    rating_of = {"alpha": 2, "beta": 4, "real": 5}
    start(page, "e1")
    for number in range(IMAGES):
        if number == IMAGES // 2:  # a mistake, undone, and the page closed in between
            rate(page, 1)
            page.wait("ready")
            page.press(Keys.BACKSPACE)
            before = shown(page)
            page.open(study)
            assert page.run("return document.getElementById('who').textContent") == "Observer E1"
            assert shown(page) == before
        count = page.run("return document.getElementById('count').textContent")
        assert count == f"Image {number + 1} of {IMAGES}"
        rate(page, rating_of[run_of[shown(page)]])
    page.wait("!document.getElementById('done').hidden")

    path = saved(page, tmp_path / "ratings")

    assert path.name == f"ratings-{key_of(study)['study'][0]}-E1.csv"
    run_collect(
        [path],
        key=study.with_name("key.csv"),
        out=tmp_path,
        settings=settings,
        score=score_settings(),
    )
    mos = pd.read_csv(tmp_path / "mos.csv").set_index("run")
    assert mos["mean"].to_dict() == rating_of
    assert set(mos["group"]) == {"expert"}
    assert (mos["n_images"] == 7).all()
    agreement = pd.read_csv(tmp_path / "agreement.csv").query("kind == 'within'")
    assert (agreement["n_images"] == 3).all()
    assert (agreement["equal"] == 1).all()
    assert page.complaints() == []
    assert page.requests() == []


def test_observers_share_a_browser_and_begin_elsewhere(page, study):
    first = {}
    for code in ("e1", "e2"):
        page.open(study)
        if page.run("return observer"):
            page.run("document.getElementById('other').click()")
        start(page, code)
        first[code] = shown(page)
        rate(page, 3)
    assert first["e1"] != first["e2"]
    page.run("document.getElementById('other').click()")
    start(page, "E1")
    assert page.run("return ratings") == [3]
    order = [page.run(f"return shown({number}).image") for number in range(IMAGES)]
    assert sorted(order) == sorted(key_of(study)["image"])


def test_nobody_starts_without_consent_code_and_group(page):
    for script in (
        "",
        "consent.checked = true",
        "observer_.value = 'E1'",
        "observer_.value = '=1+1'; group_.value = 'expert'",
        "observer_.value = 'E1'; consent.checked = false",
    ):
        page.run(
            "const consent = at('consent'), observer_ = at('observer'), group_ = at('group');"
            f"{script}; document.querySelector('#start button').click()"
        )
        assert page.run("return observer") == "", script


def test_buttons_rate_and_undo_and_a_stuck_key_does_not(page):
    start(page, "E1", "beginner")
    page.wait("ready")
    page.run("document.querySelector('[data-rating=\"4\"]').click()")
    page.wait("ready")
    assert page.run("return [group, ...ratings]") == ["beginner", 4]
    page.run(
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '5', repeat: true}));"
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '6'}));"
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: '1', ctrlKey: true}))"
    )
    assert page.run("return ratings") == [4]
    page.run("document.querySelector('.undo').click()")
    assert page.run("return ratings") == []
    assert page.run("return document.querySelector('.undo').disabled")


def test_an_image_is_rated_only_once_it_is_seen(page):
    start(page, "E1")
    page.wait("ready")
    assert page.run("rate(3); rate(3); rate(3); return ratings") == [3]


def test_a_damaged_record_in_the_browser_is_not_used(page, study):
    start(page, "E1")
    rate(page, 3)
    for record in ("{", json.dumps({"group": "expert", "ratings": [9]}), "null"):
        page.run(f"localStorage.setItem(PREFIX + '-E1', {json.dumps(record)})")
        page.open(study)
        assert page.run("return at('rate').hidden && !at('start').hidden"), record


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_everything_is_within_the_window(page, study, size):
    page.open(study, size)
    assert page.sticks_out() == []
    start(page, "E1")
    page.wait("ready")
    assert page.sticks_out() == []
    # Image, question and the five buttons are seen together, and are large enough for a finger.
    boxes = page.run(
        "return [...document.querySelectorAll('#image, #question, [data-rating]')]"
        ".map((e) => e.getBoundingClientRect().toJSON())"
    )
    assert all(box["top"] >= 0 and box["bottom"] <= size[1] for box in boxes)
    assert all(min(box["width"], box["height"]) >= 44 for box in boxes[2:])
    assert boxes[0]["width"] >= 300
