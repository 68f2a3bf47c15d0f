"""docs/bad-input.md promises nothing that no test looks at, and every promise says something."""

from __future__ import annotations

from pathlib import Path

from tests.bad_input.documented import rows


def test_every_row_of_the_document_is_held_by_a_test() -> None:
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    untested = [name for name in rows() if f'"{name}"' not in tests]
    assert not untested


def test_every_row_says_what_is_seen_and_where_it_ends() -> None:
    for name, (seen, ends) in rows().items():
        assert seen, name
        assert ends, name
        assert "`?`" not in seen + ends, name
