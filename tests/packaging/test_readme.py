"""The README's first connector and first mapping are a project that runs."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import headrace

README = Path(headrace.__file__).with_name("README.md")
TITLED = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TICKETS: list[dict[str, Any]] = [
    {
        "id": 40 + number,
        "change": number,
        "title": f"The tap in room {number} drips",
        "state": state,
        "customer": {"id": 7},
        "created": "2026-03-01T08:30:00",
    }
    for number, state in enumerate((1, 2, 9, 4, 1), start=1)
]


@pytest.fixture
async def desk():
    """A help desk that pages by `after` and `limit`, and wants its token. Gives its URL."""

    async def tickets(request):
        if request.headers.get("authorization") != "Bearer sesame":
            return web.json_response({"error": "who is there?"}, status=401)
        after, limit = int(request.query["after"]), int(request.query["limit"])
        return web.json_response([row for row in TICKETS if row["change"] > after][:limit])

    application = web.Application()
    application.router.add_get("/api/tickets", tickets)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    await runner.cleanup()


@pytest.mark.slow
async def test_the_readme_is_a_project_that_runs(desk, run, tmp_path):
    files = dict(TITLED.findall(README.read_text()))
    assert set(files) == {"connectors/helpdesk.py", "mappings/ticket.yaml", "headrace.yaml"}
    files["headrace.yaml"] = files["headrace.yaml"].replace("https://desk.example.com/api", desk)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    async def headrace_does(*words):
        command = [sys.executable, "-m", "headrace", *words]
        done = await asyncio.to_thread(run, command, tmp_path, DESK_TOKEN="sesame")
        assert done.returncode in (0, 1), f"{words} said\n{done.stdout}\n{done.stderr}"
        return done

    assert (await headrace_does("check")).returncode == 0
    await headrace_does("preview", "desk/tickets")
    await headrace_does("run", "--once")
    lines = (tmp_path / "out" / "tickets.jsonl").read_text().splitlines()
    data = [json.loads(line)["data"] for line in lines]
    assert [ticket["id"] for ticket in data] == ["41", "42", "43", "45"]
    assert data[0] == {
        "id": "41",
        "customer_id": "7",
        "subject": "The tap in room 1 drips",
        "status": "new",
        "opened_at": "2026-03-01T07:30:00Z",
    }
    # The state that the table does not know is a dead letter, and nobody else's trouble.
    listed = json.loads((await headrace_does("dlq", "list", "--json")).stdout)
    assert "44" in json.dumps(listed)
    assert "state" in json.dumps(listed)
