"""YAML as a person writes it, and as somebody writes it who means harm."""

import pytest

from gateway.config.document import (
    MAX_BYTES,
    MAX_DEPTH,
    Document,
    dotted,
    parse_document,
    read_document,
)
from gateway.config.overlay import overlaid
from gateway.config.problems import ProjectError, did_you_mean


def test_values_are_those_of_yaml_1_2():
    found = parse_document(
        "a: yes\nb: true\nc: ~\nd: 0o17\ne: 0x1f\nf: 1e3\ng: .5\nh: 2026-01-31\ni: '1'\nj: 010\n",
        "x.yaml",
    ).value
    assert found == {
        "a": "yes", "b": True, "c": None, "d": 15, "e": 31, "f": 1000.0, "g": 0.5,
        "h": "2026-01-31", "i": "1", "j": 10,
    }  # fmt: skip


def test_every_place_knows_its_line():
    document = parse_document("a:\n  b: 1\n  c:\n    - x\n    - {d: 2}\n", "x.yaml")
    lines = {dotted(place): mark.line for place, mark in document.marks.items() if place}
    assert lines == {"a": 1, "a.b": 2, "a.c": 3, "a.c[0]": 4, "a.c[1]": 5, "a.c[1].d": 5}
    assert document.mark(("a", "none", "at", "all")).line == 1
    assert document.at(("a", "c", 1, "d")) == 2
    with pytest.raises(KeyError):
        document.at(("a", "c", 2))


def test_an_alias_stands_for_its_anchor_at_its_own_line():
    document = parse_document("a: &x {b: 1}\nc: *x\n", "x.yaml")
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.mark(("c", "b")).line == 2


def test_an_empty_file_holds_no_settings():
    assert parse_document("# nothing\n", "x.yaml").value == {}


WRONG = {
    "tab": ("a:\n\tb: 1\n", 2, "a tab stands where", "spaces"),
    "tab after spaces": ("a:\n  b: 1\n  \tc: 1\n", 3, "a tab stands where", "spaces"),
    "colon": ("a: b: c\n", 1, "mapping values are not allowed", "quote"),
    "open list": ("a: [1,\nb: 2\n", 3, "expected ',' or ']'", "line 1"),
    "open quote": ("a: 'x\nb: 2\n", 3, "unexpected end", "line 1"),
    "control character": ("a: 1\nb: \x00\n", 2, "'\\x00'", "Remove it"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "second document", "Remove it"),
    "a list": ("- a\n", 1, "`name: value`", None),
    "a key that is a list": ("? [a]\n: b\n", 1, "not plain text", "name: value"),
    "an alias of nothing": ("a: *x\n", 1, "names no anchor", None),
    "an alias inside itself": ("a: &x [*x]\n", 1, "stands inside what it stands for", None),
    "an object": ("a: !!python/object:os.system x\n", 1, "is not allowed", "Remove it"),
    "a merge key": ("a: &x {b: 1}\nc: {<<: *x}\n", 2, "merge keys", None),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_line(case: str):
    text, line, cause, mend = WRONG[case]
    with pytest.raises(ProjectError) as caught:
        parse_document(text, "x.yaml")
    [problem] = caught.value.problems
    assert problem.file == "x.yaml"
    assert abs((problem.line or 0) - line) <= (1 if "open" in case else 0)
    assert cause in problem.cause
    if mend is not None:
        assert mend in (problem.mend or "")


def test_every_repeated_name_is_told_with_both_lines():
    with pytest.raises(ProjectError) as caught:
        parse_document("a: 1\nb: 2\na: 3\nc:\n  d: 1\n  d: 2\n", "x.yaml")
    assert [(each.line, each.place, each.cause) for each in caught.value.problems] == [
        (3, "a", "`a` stands twice, first on line 1."),
        (6, "c.d", "`d` stands twice, first on line 5."),
    ]


BOMBS = {
    "aliases": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "depth": "a: " + "[" * 5_000,
    "depth by indentation": "\n".join(" " * depth + "a:" for depth in range(MAX_DEPTH + 5)),
    "nodes": "a: [" + "1," * 60_000 + "]",
    "aliases of little": "a: &a 1\nb: [" + "*a ," * 500 + "]",
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.timeout(60)
def test_a_bomb_is_refused_before_it_goes_off(bomb: str):
    with pytest.raises(ProjectError, match=r"deeper|more than"):
        parse_document(BOMBS[bomb], "x.yaml")


def test_a_file_that_cannot_be_used_is_said(tmp_path):
    with pytest.raises(ProjectError, match=r"x\.yaml: there is no such file"):
        read_document(tmp_path / "none", "x.yaml")
    with pytest.raises(ProjectError, match="cannot be read"):
        read_document(tmp_path, "x.yaml")
    (tmp_path / "large").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(ProjectError, match="larger than 1024 KiB"):
        read_document(tmp_path / "large", "x.yaml")
    (tmp_path / "latin").write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ProjectError, match=r"x\.yaml:2: byte 11 \(0xe9\) is not UTF-8"):
        read_document(tmp_path / "latin", "x.yaml")
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(tmp_path / "bom", "x.yaml").value == {"a": 1}


def merged(below: str, over: str) -> Document:
    return overlaid(parse_document(below, "b.yaml"), parse_document(over, "o.yaml"))


def test_an_overlay_replaces_values_merges_settings_and_removes_by_null():
    found = merged("a: {b: 1, c: [1, 2], d: {e: 1}}\n", "a: {c: [3], d: null, f: 4}\n")
    assert found.value == {"a": {"b": 1, "c": [3], "f": 4}}
    assert found.mark(("a", "b")).file == "b.yaml"
    assert found.mark(("a", "c", 0)).file == "o.yaml"
    assert ("a", "d", "e") not in found.marks
    assert ("a", "c", 1) not in found.marks


def test_a_name_that_is_not_known_leads_to_the_nearest_or_to_all():
    assert did_you_mean("tryon", ["tryton", "sql"]) == "Did you mean `tryton`?"
    assert did_you_mean("x", ["tryton", "sql"]) == "There is `sql`, `tryton`."
    assert did_you_mean("x", []) is None
