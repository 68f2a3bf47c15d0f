"""docs/api.md and docs/console.md say what is there."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.console.page import tabs

DOCS = Path(__file__).parents[3] / "docs"


def test_every_request_is_documented_and_every_documented_one_is_there(app):
    text = (DOCS / "api.md").read_text()
    documented = set(re.findall(r"^\| `(GET|POST) (\S+)` \|", text, re.MULTILINE))
    there = {
        (method.upper(), path)
        for path, operations in app.openapi()["paths"].items()
        for method in operations
    }
    assert documented == there


def test_every_filter_is_documented(app):
    text = (DOCS / "api.md").read_text()
    operation = app.openapi()["paths"]["/v1/deadletters"]["get"]
    for parameter in operation["parameters"]:
        assert f"`{parameter['name']}" in text, parameter["name"]


async def test_every_page_is_documented_in_the_order_of_its_key(world):
    text = (DOCS / "console.md").read_text()
    pages = re.findall(r"^\| (\w[\w ]*) \|", text, re.MULTILINE)[1:]
    assert pages == [tab.name for tab in tabs(await world.status())]


async def test_the_error_in_the_document_is_what_the_gateway_says(client):
    said = await client.get("/v1/streams/support/public.ticket/cursor")
    assert said.text in (DOCS / "api.md").read_text().replace('": ', '":').replace(', "', ',"')
