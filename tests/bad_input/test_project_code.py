"""A project's own Python that cannot be imported, leaves the process, or fails when it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input.commands import Once, write_project
from tests.bad_input.conftest import SECRET
from tests.bad_input.documented import documented
from tests.unit.cli.projects import headrace, spawned

BROKEN = [
    ("a module with a syntax error", "def broken(:\n    pass\n"),
    ("a module with NUL in it", "x = 1\0\n"),
    ("a module that imports what is not there", "\nimport no_such_package_at_all\n"),
    ("a module that raises when it is imported", f"\n\nraise RuntimeError('no')  # {SECRET}\n"),
    ("a module that leaves the process", "import sys\n\nsys.exit(7)\n"),
    ("a module that leaves the process", "quit()\n"),
    ("a module without end", "def f():\n    return f()\n\n\nf()\n"),
]


@pytest.mark.parametrize("place", ["connectors", "contracts"])
@pytest.mark.parametrize(
    ("name", "code"), BROKEN, ids=[f"{n}-{name}" for n, (name, _) in enumerate(BROKEN)]
)
def test_a_module_that_cannot_be_imported_is_said_with_file_and_line(
    tmp_path: Path, place: str, name: str, code: str
) -> None:
    folder = write_project(tmp_path / "project")
    (folder / place).mkdir()
    (folder / place / "mine.py").write_text(code)
    for verb in (("check", "--offline"), ("run", "--once")):
        ran = headrace(*verb, cwd=folder)
        assert (ran.code, ran.out) == (3, ""), ran
        assert f"{place}/mine.py" in ran.err
        documented(name, seen=ran.err, ends="3")


def test_a_module_that_is_loaded_by_a_process_of_its_own_ends_no_other(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "connectors").mkdir()
    (folder / "connectors" / "mine.py").write_text("import sys\nsys.exit(0)\n")
    ran = spawned("run", "--once", cwd=folder)
    assert ran.code == 3, ran


CONTRACT = '''
from contracts.base import Contract
from pydantic import field_validator


class Odd(Contract, name="odd", version=1, kind="state"):
    """Its own code judges it."""

    id: str
    name: str | None = None

    @field_validator("name")
    @classmethod
    def judged(cls, value):
        BODY
        return value
'''

JUDGES = [
    ("a contract whose own code fails", "if value == 'bad': 1 / 0"),
    ("a contract whose own code fails", f"if value == 'bad': raise KeyError('{SECRET[:3]}')"),
    ("a contract whose own code fails", "if value == 'bad': raise RecursionError"),
    ("a contract whose own code fails", "if value == 'bad': raise SystemExit(3)"),
    ("a contract whose own code fails", "if value == 'bad': raise StopIteration"),
    ("a contract whose own code fails",
     "if value == 'bad':\n            import asyncio; raise asyncio.CancelledError"),
    ("a contract whose own code refuses", "if value == 'bad': raise ValueError('should be good')"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body"), JUDGES, ids=range(len(JUDGES)))
def test_a_contract_that_fails_costs_the_row_it_failed_on(
    tmp_path: Path, name: str, body: str
) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "contracts").mkdir()
    (folder / "contracts" / "odd.py").write_text(CONTRACT.replace("BODY", body))
    for file in ("headrace.yaml", "mapping.yaml"):
        path = folder / file
        path.write_text(path.read_text().replace("customer.v1", "odd.v1"))
    rows = '{"id": "1", "name": "good"}\n{"id": "2", "name": "bad"}\n{"id": "3", "name": "good"}\n'
    (folder / "customers.jsonl").write_text(rows)
    once = Once(folder)
    assert [each["key"] for each in once.delivered] == ["1", "3"]
    (letter,) = once.letters()
    assert letter["key"] == "2"
    assert once.raw(letter["id"]).out == '{"id": "2", "name": "bad"}'
    documented(name, seen=letter["detail"], ends=letter["code"])
    (folder / "contracts" / "odd.py").write_text(CONTRACT.replace("BODY", "pass"))
    ran = headrace("dlq", "replay", letter["id"], "--json", cwd=folder)
    assert (ran.code, ran.json["resolved"]) == (0, 1)
    assert [each["key"] for each in Once(folder).delivered] == ["1", "3", "2"]
