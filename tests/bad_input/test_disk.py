"""A disk that is full, a folder that may not be written, a store that is not ours."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bad_input.commands import Once, write_project
from tests.bad_input.documented import documented
from tests.unit.cli.projects import headrace
from tests.unit.cli.running import Gateway

MEGABYTE = 1 << 20
WAIT_SECS = 30.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = os.geteuid() == 0 and shutil.which("mount") is not None
    if mounted:
        ran = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "headrace-test", place], check=False
        )
        mounted = ran.returncode == 0
    if not mounted:
        pytest.skip("a small file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def rows(first: int, count: int) -> str:
    return "".join(
        json.dumps({"id": number, "name": f"{number} " + "x" * 480}) + "\n"
        for number in range(first, first + count)
    )


def asked(gateway: Gateway, path: str) -> tuple[int, Any]:
    answer = httpx2.get(f"{gateway.url}{path}", timeout=10)
    return answer.status_code, answer.json()


def until(holds: Any) -> None:
    ends = time.monotonic() + WAIT_SECS
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.05)


def fill(disk: Path) -> Path:
    """Leave no room on the disk."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4_096)
        except OSError:
            pass
    return filling


def test_a_full_disk_is_waited_out_and_nothing_is_lost_or_doubled(
    tmp_path: Path, small_disk: Path
) -> None:
    folder = write_project(tmp_path / "project")
    (folder / ".headrace").symlink_to(small_disk)
    data = folder / "customers.jsonl"
    data.write_text(rows(0, 50))
    with Gateway(folder) as gateway:
        until(lambda: asked(gateway, "/v1/status")[1]["routes"][0]["tally"]["delivered"] == 50)
        assert asked(gateway, "/readyz")[0] == 200
        filling = fill(small_disk)
        with data.open("a") as file:
            file.write(rows(50, 3_000))
        until(lambda: asked(gateway, "/readyz")[0] == 503)
        said = asked(gateway, "/readyz")[1]["error"]["message"]
        documented("a full disk", seen=said, ends="waits")
        assert asked(gateway, "/healthz")[0] == 200
        status, told = asked(gateway, "/v1/status")
        assert (status, gateway.process.poll()) == (200, None)
        assert told["routes"][0]["tally"]["delivered"] < 3_050
        filling.unlink()
        until(lambda: asked(gateway, "/v1/status")[1]["routes"][0]["tally"]["delivered"] == 3_050)
        until(lambda: asked(gateway, "/readyz")[0] == 200)
        code, _, err = gateway.stop()
    assert code == 0
    assert "store_full" in err
    assert "Traceback" not in err
    delivered = [
        json.loads(line)["key"] for line in (folder / "out.jsonl").read_text().splitlines()
    ]
    assert delivered == [str(number) for number in range(3_050)]


def test_a_full_disk_at_the_start_is_said(tmp_path: Path, small_disk: Path) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "customers.jsonl").write_text(rows(0, 3))
    (folder / ".headrace").symlink_to(small_disk)
    filling = fill(small_disk)
    ran = headrace("run", "--once", cwd=folder)
    assert ran.code in (3, 4), ran
    documented("a full disk at the start", seen=ran.err, ends=str(ran.code))
    filling.unlink()
    assert len(Once(folder).delivered) == 3


def test_a_full_disk_of_an_endpoint_holds_its_route(tmp_path: Path, small_disk: Path) -> None:
    folder = write_project(tmp_path / "project")
    path = folder / "headrace.yaml"
    path.write_text(path.read_text().replace("out.jsonl", str(small_disk / "out.jsonl")))
    (folder / "customers.jsonl").write_text(rows(0, 300))
    filling = fill(small_disk)
    with Gateway(folder) as gateway:
        until(lambda: asked(gateway, "/v1/status")[1]["endpoints"][0]["state"] == "held")
        reason = asked(gateway, "/v1/status")[1]["endpoints"][0]["reason"]
        documented("a full disk of a file endpoint", seen=reason, ends="holds")
        filling.unlink()
        until(lambda: asked(gateway, "/v1/status")[1]["routes"][0]["tally"]["delivered"] == 300)
    lines = (small_disk / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == [str(number) for number in range(300)]


def test_a_read_only_project_folder_can_be_looked_at_and_says_why_it_cannot_run(
    tmp_path: Path, small_disk: Path
) -> None:
    folder = write_project(small_disk / "project")
    (folder / "customers.jsonl").write_text(rows(0, 3))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    ran = headrace("check", "--offline", cwd=folder)
    assert ran.code == 1, ran
    assert "store" in ran.out
    ran = headrace("preview", "crm/customers", cwd=folder)
    assert ran.code == 0, ran
    ran = headrace("run", "--once", cwd=folder)
    documented("a read-only project folder", seen=ran.err, ends=str(ran.code))
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert len(Once(folder).delivered) == 3


STORES = [
    ("a store of a newer version", None),
    ("a store that is garbage", b"\x93garbage" * 4_096),
    ("a store that is garbage", b"SQLite format 3\0" + b"\xff" * 8_192),
    ("a store that is somebody else's database", b""),
]


@pytest.mark.parametrize(("name", "content"), STORES, ids=range(len(STORES)))
def test_a_store_that_is_not_ours_is_refused_and_left_as_it_was(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = write_project(tmp_path / "project")
    (folder / "customers.jsonl").write_text(rows(0, 3))
    store = folder / ".headrace" / "headrace.db"
    if content is None:
        Once(folder)
        with sqlite3.connect(store) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
    else:
        store.parent.mkdir()
        store.write_bytes(content)
        if not content:
            with sqlite3.connect(store) as connection:
                connection.execute("CREATE TABLE invoices (id INTEGER)")
            connection.close()
    before = store.read_bytes()
    for verb in (("run", "--once"), ("status",), ("dlq", "list")):
        ran = headrace(*verb, cwd=folder)
        documented(name, seen=ran.err, ends=str(ran.code))
    assert store.read_bytes() == before


def test_a_store_that_breaks_while_it_runs_is_said_and_never_called_well(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "project")
    data = folder / "customers.jsonl"
    data.write_text(rows(0, 3))
    Once(folder)
    store = folder / ".headrace" / "headrace.db"
    whole = store.read_bytes()
    store.write_bytes(whole[: len(whole) // 2])
    ran = headrace("run", "--once", cwd=folder)
    assert ran.code in (3, 4), ran
    documented("a store that was cut short", seen=ran.err, ends=str(ran.code))
    store.write_bytes(whole)
    data.write_text(rows(0, 5))
    assert len(Once(folder).delivered) == 5
