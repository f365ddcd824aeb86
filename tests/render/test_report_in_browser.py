"""The report as its readers open it: whole at 1,200 pixels and on a phone, silent, by itself."""

from pathlib import Path

import phantom_render as phantom
import pytest
from browser import PHONE, Page

HOSTILE = "</script><img src=x onerror=alert(1)>"
MANY = {f"run{n}": f"Run number {n}" for n in range(6)}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with eleven runs, one of a hostile name, and a pathology."""
    root = tmp_path_factory.mktemp("report") / "results"
    labels = phantom.BOUNDED | MANY | {"run0": HOSTILE}
    with pytest.MonkeyPatch.context() as patch:
        for table, value in (("METHODS", "synthesis"), ("NOISE", 0.2), ("BOUNDED", "")):
            of_runs = {run: labels[run] if table == "BOUNDED" else value for run in MANY}
            patch.setattr(phantom, table, getattr(phantom, table) | of_runs)
        phantom.build(root, labels=labels, positions=True, pathologies=("us-8",))
    return phantom.render(root, labels)


def opened(browser: Page, path: Path, size: tuple[int, int]) -> Page:
    """Open the report with all that is folded unfolded."""
    browser.open(path, size)
    browser.wait("document.readyState === 'complete'")
    browser.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    return browser


CUT_OFF = """
return [...document.querySelectorAll('.wide')]
  .filter((box) => box.scrollWidth > box.clientWidth)
  .map((box) => box.innerText.slice(0, 80));
"""


@pytest.mark.parametrize("name", ["report.html", "scans.html"])
@pytest.mark.parametrize("size", [(1200, 800), PHONE])
def test_no_table_is_cut_off(browser: Page, path: Path, size: tuple[int, int], name: str) -> None:
    page = opened(browser, path.with_name(name), size)
    assert page.run(CUT_OFF) == []
    assert page.sticks_out() == []
    assert page.run("return document.documentElement.scrollWidth") <= size[0]
    assert page.complaints() == []
    assert page.requests() == []


def test_every_row_names_its_values_on_a_phone(browser: Page, path: Path) -> None:
    page = opened(browser, path, PHONE)
    heads = "getComputedStyle(document.querySelector('#scans td'), '::before').content"
    assert page.run(f"return {heads}") == '"Subject"'


def test_first_screen_holds_the_answer_and_the_picture(browser: Page, path: Path) -> None:
    page = opened(browser, path, (1280, 800))
    bottom = "document.querySelector('{}').getBoundingClientRect().bottom"
    for part in (".advice", ".lead-picture img", ".facts"):
        assert page.run(f"return {bottom.format(part)}") < 800
    assert "Use Ours" in page.run("return document.querySelector('.advice').innerText")
    links = page.run("return [...document.querySelectorAll('.lead-picture a')].map((a) => a.href)")
    assert len(links) == 3
    assert all("/browse/us-" in link for link in links)


def test_controls_work_and_names_stay_text(browser: Page, path: Path) -> None:
    page = opened(browser, path, (1280, 800))
    page.run(
        "const list = document.getElementById('plane'); list.value = 'axial';"
        "list.dispatchEvent(new Event('change'))"
    )
    visible = "[...document.querySelectorAll('.example')].filter((row) => !row.hidden)"
    assert page.run(f"return {visible}.every((row) => row.dataset.plane === 'axial')")
    page.run("document.querySelector('#examples .frame').click()")
    assert page.run("return document.getElementById('enlarged').open")
    assert HOSTILE in page.run("return document.body.innerText")
    assert page.run("return document.querySelectorAll('img[src=x]').length") == 0
    assert page.complaints() == []
