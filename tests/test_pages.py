"""Documents and source files: links lead somewhere, and nothing grows too long."""

import re

import pytest
from conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "results").glob("*.md"))]
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(
        path
        for folder in ("config", "docs", "ssus2mri", "studies")
        for path in sorted((ROOT / folder).rglob("*.md"))
    ),
]
SOURCES = [
    path
    for folder in ("benchmarks", "ssus2mri", "studies", "tests", "workflow")
    for path in sorted((ROOT / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []


def test_pages_have_at_most_120_lines():
    long = [path.name for path in PAGES if len(path.read_text().splitlines()) > 120]
    assert long == []


def test_source_files_have_at_most_300_lines():
    long = [path.name for path in SOURCES if len(path.read_text().splitlines()) > 300]
    assert long == []


def test_no_two_test_files_share_a_name():
    """Pytest imports them by name."""
    names = [path.name for path in SOURCES if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))
