"""A gateway that is started twice, told to stop in the middle of everything, given a broken file,
or killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.bad_input.commands import Once, write_project
from tests.bad_input.documented import documented
from tests.unit.cli.projects import headrace, spawned
from tests.unit.cli.running import Gateway

WAIT_SECS = 30.0


def until(holds: Any) -> None:
    ends = time.monotonic() + WAIT_SECS
    while not holds():
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.02)


def rows(first: int, count: int) -> str:
    return "".join(
        json.dumps({"id": number, "name": f"Name {number}"}) + "\n"
        for number in range(first, first + count)
    )


def delivered(folder: Path) -> list[str]:
    out = folder / "out.jsonl"
    lines = out.read_text().splitlines() if out.exists() else []
    return [json.loads(line)["key"] for line in lines]


def status(gateway: Gateway) -> Any:
    return httpx2.get(f"{gateway.url}/v1/status", timeout=10).json()


def events(err: str) -> list[dict[str, Any]]:
    assert "Traceback" not in err
    return [json.loads(line) for line in err.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = write_project(tmp_path / "project")
    (made / "customers.jsonl").write_text(rows(0, 3))
    return made


def test_a_port_in_use(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = headrace("run", "--port", str(taken.getsockname()[1]), cwd=folder)
    assert not (folder / "out.jsonl").exists()
    documented("a port in use", seen=ran.err, ends=str(ran.code))


@pytest.mark.slow
def test_two_gateways_on_one_project(folder: Path) -> None:
    with Gateway(folder) as gateway:
        ran = spawned("run", "--once", cwd=folder)
        documented("a second gateway on a project", seen=ran.err, ends=str(ran.code))
        assert gateway.stop()[0] == 0
    assert delivered(folder) == ["0", "1", "2"]


@pytest.mark.parametrize("delay_secs", [0.0, 0.3])
def test_sigterm_in_the_middle_of_everything(folder: Path, delay_secs: float) -> None:
    count = 20_000
    (folder / "customers.jsonl").write_text(rows(0, count))
    with Gateway(folder) as gateway:
        time.sleep(delay_secs)
        asked = time.monotonic()
        code, out, err = gateway.stop(signal.SIGTERM)
        took = time.monotonic() - asked
    assert (code, out) == (0, "")
    assert took < 10 + 5, "it promises ten seconds"
    codes = [each["event"] for each in events(err)]
    assert codes[-1] == "gateway_stopped"
    assert "gateway_draining" in codes
    assert not (folder / ".headrace" / "gateway.json").exists()
    if delay_secs == 0.3:
        documented("SIGTERM in the middle of everything", seen=err, ends=str(code))
    Once(folder)
    assert delivered(folder) == [str(number) for number in range(count)]


def test_a_second_sigterm_ends_it_there_and_then(folder: Path) -> None:
    path = folder / "headrace.yaml"
    path.write_text(
        path.read_text().replace(
            "out: {type: file, path: out.jsonl}",
            "out: {type: http, url: http://127.0.0.1:PORT/, timeout_secs: 60}",
        )
    )
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        path.write_text(path.read_text().replace("PORT", str(port)))
        with Gateway(folder) as gateway:
            until(lambda: status(gateway)["endpoints"][0]["in_flight"] == 1)
            gateway.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            asked = time.monotonic()
            code, _, err = gateway.stop(signal.SIGTERM)
            assert time.monotonic() - asked < 5
    assert code == 128 + signal.SIGTERM
    events(err)
    documented("a second SIGTERM", ends=str(code))


@pytest.mark.slow
def test_an_endpoint_that_never_answers_does_not_keep_it_from_stopping(folder: Path) -> None:
    path = folder / "headrace.yaml"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        path.write_text(
            path.read_text().replace(
                "out: {type: file, path: out.jsonl}",
                f"out: {{type: http, url: 'http://127.0.0.1:{silent.getsockname()[1]}/'}}",
            )
        )
        with Gateway(folder) as gateway:
            until(lambda: status(gateway)["endpoints"][0]["in_flight"] == 1)
            asked = time.monotonic()
            code, _, err = gateway.stop(signal.SIGTERM)
            assert time.monotonic() - asked < 10 + 5, "it promises ten seconds"
    assert code == 0
    events(err)


BROKEN = [
    ("headrace.yaml", "sources: [\n"),
    ("mapping.yaml", "contract: custmer.v1\n"),
    ("headrace.yaml", None),
]


@pytest.mark.parametrize(("file", "text"), BROKEN, ids=range(len(BROKEN)))
def test_sighup_with_a_broken_file_keeps_the_old_one(
    folder: Path, file: str, text: str | None
) -> None:
    before = (folder / file).read_text()
    with Gateway(folder) as gateway:
        until(lambda: len(delivered(folder)) == 3)
        (folder / file).unlink() if text is None else (folder / file).write_text(text)
        gateway.process.send_signal(signal.SIGHUP)
        with (folder / "customers.jsonl").open("a") as data:
            data.write(rows(3, 2))
        until(lambda: len(delivered(folder)) == 5)
        (folder / file).write_text(before + "\n# mended\n")
        gateway.process.send_signal(signal.SIGHUP)
        with (folder / "customers.jsonl").open("a") as data:
            data.write(rows(5, 1))
        until(lambda: len(delivered(folder)) == 6)
        code, _, err = gateway.stop()
    assert code == 0
    assert "apply_done" in err
    failed = [each for each in events(err) if each["event"] == "step_failed"]
    assert [each["part"] for each in failed] == ["apply"], failed
    documented("SIGHUP with a broken file", seen=failed[0]["detail"])


def test_kill_nine_in_the_middle_and_start_again(folder: Path) -> None:
    count = 20_000
    (folder / "customers.jsonl").write_text(rows(0, count))
    for delay_secs in (0.0, 0.2, 0.5):
        with Gateway(folder) as gateway:
            time.sleep(delay_secs)
            gateway.process.send_signal(signal.SIGKILL)
            gateway.process.wait()
        # What a crash may leave behind besides.
        (folder / ".headrace" / f"gateway.json.{os.getpid()}").write_text("{")
    once = Once(folder)
    assert once.tally["read"] == once.tally["appended"] == count
    assert delivered(folder) == [str(number) for number in range(count)]
    documented("kill -9", ends=str(once.ran.code))


def test_output_that_nobody_reads_any_more_does_not_matter(folder: Path) -> None:
    with Gateway(folder) as gateway:
        assert gateway.process.stderr is not None
        assert gateway.process.stdout is not None
        gateway.process.stderr.close()
        gateway.process.stdout.close()
        with (folder / "customers.jsonl").open("a") as data:
            data.write(rows(3, 2))
        until(lambda: len(delivered(folder)) == 5)
        assert gateway.process.poll() is None
        gateway.process.send_signal(signal.SIGTERM)
        gateway.process.wait(timeout=30)
        gateway.process.stdout = gateway.process.stderr = None
        code = gateway.process.returncode
    documented("a log that nobody reads any more", ends=str(code))
