"""The published JSON Schema of the project file: current, and in accord with what is accepted."""

import copy
import json
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from gateway.config.document import parse_document
from gateway.config.schema import project_schema
from tests.unit.cli.projects import ROOT

PUBLISHED = ROOT / "schemas/project.json"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(PUBLISHED.read_text("utf-8")))


def init_project() -> dict[str, Any]:
    text = resources.files("gateway.cli.templates") / "project/headrace.yaml"
    return parse_document(text.read_text("utf-8"), "headrace.yaml").value


def test_what_is_published_is_current():
    assert json.loads(PUBLISHED.read_text("utf-8")) == project_schema(), (
        "run `headrace check --schema > schemas/project.json`"
    )


def test_it_is_a_schema(validator):
    Draft202012Validator.check_schema(validator.schema)


def test_the_project_that_init_writes_is_valid(validator):
    assert not list(validator.iter_errors(init_project()))


VALID = {
    "a reference where a URL must stand": ("endpoints", "x", {"type": "http", "url": "${env:URL}"}),
    "a connector that is not shipped": ("sources", "x", {"type": "acme", "anything": [1, 2]}),
    "a secret by reference": (
        "endpoints", "x",
        {"type": "http", "url": "http://a", "auth": {"type": "bearer", "token": "${env:T}"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", VALID)
def test_what_is_right_is_valid(validator, case: str):
    section, name, settings = VALID[case]
    project = copy.deepcopy(init_project())
    project[section][name] = settings
    assert not list(validator.iter_errors(project))


WRONG = {
    "an unknown setting": ("nework", {}),
    "an unknown setting of a connector": ("sources", {"x": {"type": "file", "streems": {}}}),
    "an unknown setting of a stream": (
        "sources", {"x": {"type": "file", "streams": {"a": {"mapping": "m", "pth": "x"}}}},
    ),
    "a stream without a mapping": ("sources", {"x": {"type": "acme", "streams": {"a": {}}}}),
    "a source without a type": ("sources", {"x": {"streams": {}}}),
    "a secret in the file": (
        "endpoints",
        {"x": {"type": "http", "url": "http://a", "auth": {"type": "bearer", "token": "hunter2"}}},
    ),
    "a value out of range": ("limits", {"max_hops": 0}),
    "a name with a space": ("sources", {"a b": {"type": "acme"}}),
    "a route that comes from nowhere": ("routes", {"x": {"to": "out"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_not(validator, case: str):
    name, value = WRONG[case]
    project = {**init_project(), name: value}
    assert list(validator.iter_errors(project))
