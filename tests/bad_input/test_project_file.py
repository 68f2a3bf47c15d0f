"""Project files that are wrong: every command says where, what and how to mend it, in one go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bad_input.commands import write_project
from tests.bad_input.conftest import SECRET
from tests.bad_input.documented import documented
from tests.unit.cli.projects import headrace

Edit = Callable[[str], str]


def swap(old: str, new: str) -> Edit:
    def edit(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return edit


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)

WRONG: list[tuple[str, str, Edit]] = [
    ("a setting with a typo", "headrace.yaml", swap("routes:", "rutes:")),
    ("a connector's setting with a typo", "headrace.yaml", swap("quiet_secs", "quite_secs")),
    ("a connector type with a typo", "headrace.yaml", swap("type: file", "type: fiel")),
    ("a contract with a typo", "mapping.yaml", swap("customer.v1", "custmer.v1")),
    ("a contract's version that there is none of", "headrace.yaml", swap("customer.v1", "customer.v9")),
    ("a field with a typo", "mapping.yaml", swap("name: name", "nam: name")),
    ("a converter with a typo", "mapping.yaml",
     swap("name: name", "name: {from: name, as: uper}")),
    ("a mapping that is not there", "headrace.yaml", swap("mapping.yaml", "maping.yaml")),
    ("an endpoint that is not there", "headrace.yaml", swap("to: out", "to: uot")),
    ("tabs that indent", "headrace.yaml", swap("  crm:", "\tcrm:")),
    ("a name that stands twice", "headrace.yaml",
     swap("api: {port: 0}", "api: {port: 0}\napi: {port: 1}")),
    ("a list where a mapping is due", "headrace.yaml", swap("api: {port: 0}", "api: [8400]")),
    ("text where a number is due", "headrace.yaml", swap("port: 0", "port: eighty")),
    ("a number out of its range", "headrace.yaml", swap("every_secs: 0.2", "every_secs: -1")),
    ("a number that is none", "headrace.yaml", swap("every_secs: 0.2", "every_secs: .nan")),
    ("a quote that is never closed", "headrace.yaml", swap("out.jsonl", '"out.jsonl')),
    ("a project file of 2 MB", "headrace.yaml", lambda text: text + "# filling\n" * 200_000),
    ("aliases that explode", "headrace.yaml", lambda text: text + BOMB),
    ("an alias that holds itself", "headrace.yaml", lambda text: text + "a: &a [*a]\n"),
    ("YAML nested 10,000 deep", "headrace.yaml", lambda text: text + "a: " + "[" * 10_000),
    ("a project file that is not UTF-8", "headrace.yaml", lambda text: text + "# M\udcfcller\n"),
    ("a tag that would make an object", "headrace.yaml",
     lambda text: text + "a: !!python/object/apply:os.system [id]\n"),
    ("a project file that is a list", "headrace.yaml", lambda _: "- sources\n"),
    ("a condition that is not CEL", "headrace.yaml",
     swap("to: out}", "to: out, when: \"data.name = 'x'\"}")),
    ("a secret written into the file", "headrace.yaml",
     swap("api: {port: 0}", f"api: {{port: 0, keys: [{{name: ops, key: {SECRET}, role: operator}}]}}")),
    ("a secret in an environment variable that is not set", "headrace.yaml",
     swap("api: {port: 0}",
          'api: {port: 0, keys: [{name: ops, key: "${env:NO_SUCH_KEY}", role: operator}]}')),
    ("a secret in a file that is not there", "headrace.yaml",
     swap("api: {port: 0}",
          'api: {port: 0, keys: [{name: ops, key: "${file:no/such/key}", role: operator}]}')),
    ("a secret in a file that is empty", "headrace.yaml",
     swap("api: {port: 0}",
          'api: {port: 0, keys: [{name: ops, key: "${file:empty}", role: operator}]}')),
    ("a secret that is too short for a key", "headrace.yaml",
     swap("api: {port: 0}",
          'api: {port: 0, keys: [{name: ops, key: "${env:SHORT_KEY}", role: operator}]}')),
    ("a reference that is none", "headrace.yaml", swap("out.jsonl", '"${evn:X}"')),
]  # fmt: skip


@pytest.mark.parametrize(("name", "file", "edit"), WRONG, ids=[name for name, _, _ in WRONG])
def test_it_is_said_with_place_and_mend_and_nothing_starts(
    tmp_path: Path, name: str, file: str, edit: Edit
) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "empty").write_text("")
    (folder / "customers.jsonl").write_text('{"id": 1, "name": "Ann"}\n')
    path = folder / file
    path.write_bytes(edit(path.read_text()).encode(errors="surrogateescape"))
    for verb in (("check", "--offline"), ("run", "--once")):
        ran = headrace(*verb, cwd=folder, SHORT_KEY="short")
        assert (ran.code, ran.out) == (3, ""), (verb, ran)
        assert len(ran.err) < 5_000, "too much to read"
        documented(name, seen=ran.err, ends="3")
        told = headrace(*verb, "--json", cwd=folder, SHORT_KEY="short")
        assert SECRET not in told.out + told.err + ran.out + ran.err
    assert not (folder / "out.jsonl").exists()
    assert not (folder / ".headrace").exists()


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    path = folder / "headrace.yaml"
    path.write_text(
        path.read_text().replace("quiet_secs", "quite_secs").replace("port", "prot")
        .replace("to: out", "to: uot")
    )  # fmt: skip
    (folder / "mapping.yaml").write_text("contract: custmer.v1\nkey: id\nfields: {id: id}\n")
    told = headrace("check", "--offline", "--json", cwd=folder).json["error"]
    assert len(told["problems"]) >= 4
    for problem in told["problems"]:
        assert problem["file"]
        assert problem["line"]
        assert problem["cause"]


def test_no_secret_is_shown_by_any_command_of_a_project_that_works(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    path = folder / "headrace.yaml"
    path.write_text(
        path.read_text().replace(
            "api: {port: 0}",
            'api: {port: 0, keys: [{name: ops, key: "${env:OPS_KEY}", role: operator}]}',
        )
    )
    (folder / "customers.jsonl").write_text('{"id": 1, "name": "Ann"}\n{"id": 2, "name": 3}\n')
    for verb in (
        ("check",), ("run", "--once", "--debug"), ("status",), ("dlq", "list"), ("preview",
        "crm/customers"), ("apply", "--dry-run"), ("contracts", "list"), ("discover", "crm"),
    ):  # fmt: skip
        for more in ((), ("--json",)):
            ran = headrace(*verb, *more, cwd=folder, OPS_KEY=SECRET, HEADRACE_DEBUG="")
            assert ran.code in (0, 1), (verb, ran)
            assert SECRET not in ran.out + ran.err
    for kept in (folder / ".headrace").rglob("*"):
        if kept.is_file():
            assert SECRET.encode() not in kept.read_bytes(), kept


def test_a_project_file_that_is_a_folder_or_may_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "headrace.yaml").mkdir()
    ran = headrace("check", cwd=tmp_path)
    documented("a project file that is a folder", seen=ran.err, ends=str(ran.code))
    (tmp_path / "headrace.yaml").rmdir()
    os.mkfifo(tmp_path / "headrace.yaml")
    ran = headrace("check", cwd=tmp_path)
    assert ran.code == 3
