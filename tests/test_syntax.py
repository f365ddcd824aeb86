import json

import pytest

from ssus2mri import syntax

SOURCE = b'"""A stage."""\n\nimport os\nfrom ssus2mri.tool import work\n'


@pytest.fixture
def memory(tmp_path, monkeypatch):
    """The file that is kept, of a user with nothing in it yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(syntax, "_new", {})
    syntax._remembered.cache_clear()
    yield syntax._memory()
    syntax._remembered.cache_clear()


def as_a_new_process(monkeypatch):
    """Forget what this process has read, and parse no more."""
    syntax._remembered.cache_clear()
    monkeypatch.setattr(syntax, "_parse", None)


def test_what_was_parsed_is_not_parsed_again(memory, monkeypatch):
    code, names = syntax.parsed(SOURCE)
    assert names == ["os", "ssus2mri.tool", "ssus2mri.tool.work"]
    syntax.keep()
    as_a_new_process(monkeypatch)
    assert list(syntax.parsed(SOURCE)) == [code, names]


def test_another_source_is_parsed(memory):
    before = syntax.parsed(SOURCE)
    syntax.keep()
    assert syntax.parsed(SOURCE + b"A = 1\n")[0] != before[0]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_a_damaged_memory_is_replaced(memory, content):
    memory.parent.mkdir()
    memory.write_bytes(content)
    entry = syntax.parsed(SOURCE)
    syntax.keep()
    assert list(json.loads(memory.read_bytes()).values()) == [list(entry)]


def test_a_memory_that_cannot_be_written_costs_time_only(memory):
    memory.parent.write_bytes(b"a file where the folder should be")
    assert syntax.parsed(SOURCE)
    syntax.keep()


def test_the_memory_stays_small(memory, monkeypatch):
    monkeypatch.setattr(syntax, "_MOST", 1)
    for number in range(4):
        syntax.parsed(SOURCE + b"A = %d\n" % number)
        syntax.keep()
    assert len(json.loads(memory.read_bytes())) <= 2
