"""What the guides say of the command line and of the project file is so."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway.cli.app import app
from gateway.cli.exits import MEANING
from gateway.config.document import parse_document
from gateway.config.load import load
from gateway.config.problems import ProjectError
from tests.unit.cli.projects import ROOT

CLI = (ROOT / "docs/cli.md").read_text("utf-8")
PROJECT = (ROOT / "docs/project-file.md").read_text("utf-8")
TITLED = re.compile(r"^```yaml title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(command: Any, name: str) -> Iterator[str]:
    below = getattr(command, "commands", None)
    if below is None:
        yield name
        return
    for each, inner in below.items():
        yield from commands(inner, f"{name} {each}")


def test_every_command_is_in_the_guide_and_no_other():
    there = set(commands(typer.main.get_command(app), "headrace"))
    said = {
        " ".join(word for word in each.split() if word.islower() and word[0] != "[")
        for each in re.findall(r"^\| `(headrace [^`]+)`", CLI, re.MULTILINE)
    }
    assert said == there


def test_every_exit_code_is_in_the_guide_with_its_meaning():
    said = dict(re.findall(r"^\| (\d+) \| (.+) \|$", CLI, re.MULTILINE))
    assert said == {str(int(code)): text for code, text in MEANING.items()}


@pytest.fixture
def example(tmp_path: Path, monkeypatch) -> Path:
    for name, text in TITLED.findall(PROJECT):
        (tmp_path / name).write_text(text)
    (tmp_path / "mappings").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/model-token").write_text("not-a-real-token\n")
    (tmp_path / "mappings/customer.yaml").write_text(
        "contract: customer.v1\nkey: id\nfields: {id: id, name: name}\n"
    )
    (tmp_path / "mappings/score.yaml").write_text(
        "key: id\nfields: {id: record.key, score: score}\n"
    )
    monkeypatch.setenv("TRYTON_PASSWORD", "not-a-real-password")
    monkeypatch.setenv("HEADRACE_OPS_KEY", "not-a-real-key-of-anybody")
    return tmp_path


def test_the_example_of_the_project_file_is_valid_with_and_without_its_overlay(example: Path):
    assert set(load(example).project.routes) == {"score-customers", "write-scores"}
    assert set(load(example, overlay="prod").project.routes) == {"score-customers"}


def test_what_the_example_calls_a_default_is_one(example: Path):
    """Take a setting out and nothing changes; those that have no default are named here."""
    loaded = load(example).project
    for section in ("instance", "storage", "contracts", "connectors", "limits"):
        field = type(loaded).model_fields[section]
        assert getattr(loaded, section) == field.default, section
    route = loaded.routes["score-customers"]
    for name in ("batch", "retry", "on_dead_letter"):
        assert getattr(route, name) == type(route).model_fields[name].default, name
    stream = loaded.sources["erp"].streams["party.party"]
    for name in ("every_secs", "on_flood", "drift"):
        assert getattr(stream, name) == type(stream).model_fields[name].default, name


def test_what_the_guide_says_of_yaml_is_so():
    assert parse_document("a: yes\nb: on\n", "x").value == {"a": "yes", "b": "on"}
    for text in ("a: 1\na: 2\n", "a:\n\tb: 1\n", "a: !!set {}\n", "a: &x {}\nb: {<<: *x}\n"):
        with pytest.raises(ProjectError):
            parse_document(text, "x")
