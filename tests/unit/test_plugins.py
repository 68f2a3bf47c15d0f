"""Connectors found by name: installed ones, the project's own, broken ones, missing extras."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from gateway import plugins, project_code
from gateway.errors import ConfigError
from gateway.plugins import Plugin, Plugins, installed, missing_package

CONNECTOR = """
from gateway.ports import ConnectorConfig, StreamSettings


class {name}Config(ConnectorConfig):
    url: str = ""


class {name}Connector:
    name = "{type}"
    summary = "x"
    config = {name}Config
    stream_settings = StreamSettings

    @classmethod
    def open(cls, config, streams, runtime): ...
"""


def own(folder: Path, **files: str) -> Plugins:
    (folder / "connectors").mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"connectors/{name}.py").write_text(text)
    project_code.forget()
    return Plugins.found(folder, ["connectors/"])


def test_what_is_shipped_is_found_without_being_imported():
    names = {(each.kind, each.name) for each in installed()}
    assert {("source", "tryton"), ("source", "sql"), ("endpoint", "http")} <= names


def test_only_the_named_one_is_imported(monkeypatch):
    for name in [each for each in sys.modules if each.startswith("connectors.tryton")]:
        monkeypatch.delitem(sys.modules, name)
    Plugins.found().named("endpoint", "http")
    assert not any(each.startswith("connectors.tryton") for each in sys.modules)


def test_an_unknown_name_leads_to_the_nearest():
    with pytest.raises(ConfigError, match=r"no connector `tryon`\. Did you mean `tryton`\?"):
        Plugins.found().named("source", "tryon")
    with pytest.raises(ConfigError, match="`tryton` can be used as a source only"):
        Plugins.found().named("endpoint", "tryton")


def test_a_projects_own_goes_before_an_installed_one(tmp_path: Path):
    found = own(tmp_path, acme=CONNECTOR.format(name="Acme", type="sql"))
    assert found.named("source", "sql").__module__ == "headrace_project.connectors.acme"
    assert found.named("source", "tryton").__module__.startswith("connectors.")


def test_own_modules_import_one_another_relatively(tmp_path: Path):
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/deal.py").write_text("LIMIT = 7\n")
    text = "from ..contracts.deal import LIMIT\n" + CONNECTOR.format(name="A", type="acme")
    own(tmp_path, acme=text).named("source", "acme")
    assert sys.modules["headrace_project.contracts.deal"].LIMIT == 7
    assert "contracts.deal" not in sys.modules


def test_another_project_in_the_same_process_is_another(tmp_path: Path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        found = own(tmp_path / name, acme=CONNECTOR.format(name="A", type=name))
        assert [each.name for each in found.listed() if each.origin == "this project"] == [
            name,
            name,
        ]


@pytest.mark.parametrize(
    ("text", "line", "cause"),
    [
        ("import os\n\nos.nothing\n", 3, "AttributeError"),
        ("def x(:\n", 1, "not Python"),
        ("raise SystemExit(3)\n", 1, "SystemExit"),
        ("from ..nowhere import x\n", 1, "ModuleNotFoundError"),
    ],
)
def test_own_code_that_fails_is_told_with_file_and_line(
    tmp_path: Path, text: str, line: int, cause: str
):
    with pytest.raises(ConfigError, match=cause) as caught:
        own(tmp_path, acme=text)
    assert str(caught.value.file).endswith("connectors/acme.py")
    assert caught.value.line == line


def test_two_of_one_name_are_refused(tmp_path: Path):
    text = CONNECTOR.format(name="A", type="acme")
    with pytest.raises(ConfigError, match="two connectors are called `acme`"):
        own(tmp_path, one=text, two=text)


def test_code_outside_the_project_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="outside the project's folder"):
        Plugins.found(tmp_path, ["../elsewhere"])


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("no_such_module_here:X", "cannot be loaded"),
        ("json:NoSuchClass", "cannot be loaded"),
        ("json:JSONDecoder", "is no connector"),
    ],
)
def test_an_entry_point_that_is_broken_is_said(target: str, cause: str):
    found = Plugins([Plugin("acme", "source", target, "acme-connectors")])
    with pytest.raises(ConfigError, match=cause) as caught:
        found.named("source", "acme")
    assert "acme-connectors" in caught.value.message


def test_a_missing_package_is_said_with_the_extra_that_brings_it(tmp_path: Path, monkeypatch):
    (tmp_path / "brings_kafka.py").write_text("import aiokafka_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = Plugins([Plugin("acme", "source", "brings_kafka:X", "headrace")])
    with pytest.raises(ConfigError, match="pip install 'aiokafka_that_is_not_there'"):
        found.named("source", "acme")
    told = missing_package(ModuleNotFoundError(name="aiokafka.errors"))
    assert told is not None
    assert told.mend == "Install it: pip install 'headrace[kafka]'."
    assert missing_package(ImportError("something else")) is None


def test_entry_points_of_other_distributions_are_found(monkeypatch):
    entry = metadata.EntryPoint("acme", "acme:Acme", "headrace.connectors")
    monkeypatch.setattr(
        plugins.metadata,
        "entry_points",
        lambda group: [entry] if group == "headrace.connectors" else [],
    )
    installed.cache_clear()
    try:
        assert Plugin("acme", "source", "acme:Acme", "unknown") in installed()
    finally:
        installed.cache_clear()
