"""What the pages of `sql` and `file` say can be written in a project is what their settings take."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from connectors.file import FileConnector
from connectors.sql import SqlConnector
from gateway.config.model import Stream

PAGES = Path(__file__).parents[2] / "docs" / "connectors"
CONNECTORS: list[Any] = [SqlConnector, FileConnector]


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda each: each.name)
def test_examples_validate(connector: Any) -> None:
    text = (PAGES / f"{connector.name}.md").read_text()
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert examples
    ours = set(Stream.model_fields)
    for example in examples:
        found = YAML(typ="safe").load(example)
        for system in (*found.get("sources", {}).values(), *found.get("endpoints", {}).values()):
            assert system.pop("type") == connector.name
            for stream in system.pop("streams", {}).values():
                settings = {name: stream[name] for name in stream if name not in ours}
                connector.stream_settings.model_validate(settings)
            connector.config.model_validate(system)


@pytest.mark.parametrize("connector", CONNECTORS, ids=lambda each: each.name)
def test_every_setting_is_described(connector: Any) -> None:
    text = (PAGES / f"{connector.name}.md").read_text()
    for model in (connector.config, connector.stream_settings):
        for name in model.model_fields:
            assert f"`{name}`" in text, f"{connector.name}.md says nothing of {name}"
