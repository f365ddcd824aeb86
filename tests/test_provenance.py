import json

import pytest

from ssus2mri import provenance
from ssus2mri.provenance import certificate, digest, fingerprint

STAGE = '"""A stage."""\n\nfrom ssus2mri.tool import work\n\n\ndef run():\n    return work(2)\n'
TOOL = (
    '"""A tool."""\n\nfrom ssus2mri import errors\n\n\ndef work(x):\n    """Do."""\n    return x\n'
)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of its own: a stage, a tool that it imports, and a stranger."""
    files = {"stage": STAGE, "tool": TOOL, "stranger": "A = 1\n", "errors": "B = 1\n"}
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    return tmp_path


def stamp() -> str:
    for name in ("_source", "_parsed", "_content", "_hashed"):
        getattr(provenance, name).cache_clear()
    return fingerprint("ssus2mri.stage")


def test_weights_beside_a_module_count(package):
    before = stamp()
    (package / "net.safetensors").write_bytes(b"1")
    first = stamp()
    (package / "net.safetensors").write_bytes(b"2")
    assert len({before, first, stamp()}) == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "counts"),
    [
        ("stage", "work(2)", "work(3)", True),
        ("tool", "return x", "return x + 1", True),
        ("stage", "def run():", "def run(more=0):", True),
        ("stage", "A stage.", "The stage.", False),
        ("tool", "Do.", "Do it.", False),
        ("tool", "return x", "return x  # as it is", False),
        ("stage", "\n\n\n", "\n\n\n\n", False),
        ("stranger", "A = 1", "A = 2", False),
        ("errors", "B = 1", "B = 2", False),
    ],
)
def test_code_counts_but_no_comments_layout_or_strangers(package, name, old, new, counts):
    before = stamp()
    path = package / f"{name}.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert (stamp() != before) is counts


def test_imports_inside_functions_count(package):
    (package / "stage.py").write_text("def run():\n    from ssus2mri import stranger\n")
    before = stamp()
    (package / "stranger.py").write_text("A = 2\n")
    assert stamp() != before


def test_templates_count_where_they_are_named(package):
    (package / "templates").mkdir()
    (package / "templates" / "page.html").write_text('{% include "page.css" %}')
    before = stamp()
    (package / "templates" / "page.css").write_text("p {}")
    assert stamp() == before  # nobody names the page yet
    (package / "stage.py").write_text('PAGE = "page.html"\n')
    before = stamp()
    (package / "templates" / "page.css").write_text("b {}")
    assert stamp() != before
    before = stamp()
    (package / "templates" / "other.html").write_text("<p>")
    assert stamp() == before


def test_digest_knows_values_not_the_order_of_keys():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": [2, 3], "a": 1})
    assert digest({"b": [2, 3]}) != digest({"b": [3, 2]})


def test_certificate_names_every_subject_once():
    text = certificate(["b", "a", "b"])
    assert json.loads(text["subjects"]) == ["a", "b"]
    assert text["subjects_hash"] == certificate(["a", "b"])["subjects_hash"]
    assert text["subjects_hash"] != certificate(["a"])["subjects_hash"]
