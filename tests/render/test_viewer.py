"""The viewer of a scan: its pixels, keys and overlays in a real browser, from disk alone."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser import PHONE, Page
from phantom_render import decoded

from ssus2mri.render.viewer import Layer, Scan, viewer_page

HOSTILE = "</script><img src=x onerror=alert(1)>&"
SIZE, EACH = 24, 6


def scan(*, trust: bool = True) -> Scan:
    """Slices of known grey: their number over 100, a square in the middle of every run brighter."""
    plane = np.repeat(np.arange(3), EACH).astype(np.uint8)
    index = np.tile(np.arange(9, 9 + EACH), 3).astype(np.int16)
    head = np.zeros((3 * EACH, SIZE, SIZE), bool)
    head[:, 2:22, 4:20] = True
    us = np.arange(3 * EACH)[:, None, None] / 100 * head
    true = us.copy()
    true[:, 8:16, 8:16] += 0.4
    sure = np.where(np.arange(SIZE) < 12, 1.0, 0.0) * head
    return Scan(
        title=f"us-1 {HOSTILE}",
        layers=[
            Layer("Ultrasound", "ultrasound", us),
            Layer(f"Ours {HOSTILE}", "synthetic", us + 0.2 * head, trust=sure if trust else None),
            Layer("True MR", "real", true, notes=[f"slice {n}" for n in range(3 * EACH)]),
        ],
        plane=plane,
        index=index,
        head=head,
        spacing_mm=1.0,
        facts=[("subject", HOSTILE)],
    )


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("viewer") / "a page #1 %C3.html"
    path.write_text(viewer_page(scan(), slices_per_plane=40), encoding="utf-8")
    return path


def colour(page: Page, layer: int, row: int, column: int) -> list[int]:
    return page.run(
        f"const c = document.querySelectorAll('canvas')[{layer}];"
        f"return [...c.getContext('2d').getImageData({column}, {row}, 1, 1).data].slice(0, 3)"
    )


def shown(page: Page, text: str) -> None:
    page.wait(f"document.body.dataset.shown === '{text}'")


def content(text: str) -> dict:
    """The data of a page."""
    return json.loads(re.search(r'id="content">(.*?)</script>', text, re.S).group(1))


def test_strings_stay_strings(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "<img" not in text
    assert content(text)["layers"][1]["name"] == f"Ours {HOSTILE}"


def test_sheets_hold_every_slice_cut_to_the_head() -> None:
    (axial, coronal, _) = content(viewer_page(scan(), slices_per_plane=40))["planes"]
    assert (axial["height"], axial["width"]) == (20 + 2 + 2, 16 + 2 + 2)
    assert axial["index"] == coronal["index"] == list(range(9, 15))
    drawn = np.asarray(decoded(axial["sheets"][0]))
    columns = axial["columns"]
    for number in range(EACH):
        row, column = divmod(number, columns)
        middle = drawn[row * axial["height"] + 10, column * axial["width"] + 10]
        assert middle == round(2.55 * number)


def test_many_slices_are_taken_evenly() -> None:
    (axial, *_) = content(viewer_page(scan(), slices_per_plane=3))["planes"]
    assert axial["index"] == [10, 12, 14]


def test_page_shows_what_its_keys_ask_for(browser: Page, path: Path) -> None:
    browser.open(path)
    shown(browser, "axial 12")
    assert colour(browser, 0, 10, 10) == [8, 8, 8]  # 0.03 of 255
    browser.press("c")
    shown(browser, "coronal 12")
    assert colour(browser, 0, 10, 10) == [23, 23, 23]
    browser.press("a", "\ue014", "\ue014", "\ue014")  # right; the last slice is 14
    shown(browser, "axial 14")
    browser.press("\ue012")  # left
    shown(browser, "axial 13")
    assert "slice 4" in browser.run("return document.querySelector('main').innerText")


def test_page_is_silent_and_asks_for_nothing(browser: Page, path: Path) -> None:
    browser.open(path)
    shown(browser, "axial 12")
    browser.press(*"csadebtgr1230")
    browser.wait("document.getElementById('legend').textContent.includes('Trust')")
    assert browser.complaints() == []
    assert browser.requests() == []


def test_difference_outlines_and_trust(browser: Page, path: Path) -> None:
    browser.open(path, anchor="#plane=axial&slice=9")
    shown(browser, "axial 9")
    red, green, blue = (colour(browser, 1, 10, 3 + 2)[i] for i in range(3))
    assert red == green == blue == 51  # 0.2
    browser.press("d")
    browser.wait("document.getElementById('legend').textContent.startsWith('Difference')")
    assert colour(browser, 1, 10, 10) == [0, 46, 102]  # 0.2 - 0.4: darker is blue
    assert colour(browser, 1, 3, 3) == [102, 46, 0]  # 0.2 - 0: brighter is orange
    assert colour(browser, 0, 3, 3) == [0, 0, 0]  # ultrasound is no MR to subtract
    browser.press("d", "e")
    browser.wait("document.getElementById('legend').textContent.startsWith('Orange')")
    ring = [tuple(colour(browser, 1, 10, column)) for column in range(20)]
    assert (255, 170, 0) in ring
    assert ring[10] != (255, 170, 0)
    browser.press("e", "t")
    browser.wait("document.getElementById('legend').textContent.startsWith('Trust')")
    sure, unsure = colour(browser, 1, 10, 4), colour(browser, 1, 10, 15)
    assert sure == [51, 51, 51]
    assert unsure[0] > unsure[1] + 100


def test_blink_changes_images_with_the_reference(browser: Page, path: Path) -> None:
    browser.open(path, anchor="#plane=axial&slice=9")
    shown(browser, "axial 9")
    browser.press("b")
    names = "document.querySelectorAll('figcaption span')[1].textContent"
    browser.wait(f"{names} === 'True MR'")
    assert colour(browser, 1, 10, 10) == [102, 102, 102]
    browser.wait(f"{names} !== 'True MR'")


def test_an_image_is_enlarged_beside_its_reference(browser: Page, path: Path) -> None:
    browser.open(path)
    shown(browser, "axial 12")
    visible = "[...document.querySelectorAll('figure')].filter((f) => !f.hidden).length"
    browser.press("2")
    browser.wait(f"{visible} === 2")
    browser.press("\ue00c")  # escape
    browser.wait(f"{visible} === 3")


def test_viewer_fits_a_phone(browser: Page, path: Path) -> None:
    browser.open(path, PHONE)
    shown(browser, "axial 12")
    assert browser.sticks_out() == []
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE[0]
