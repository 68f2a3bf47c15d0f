"""Files that are empty, marked, blank, ragged, or not text at all."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bad_input.commands import Once, write_project
from tests.bad_input.documented import documented
from tests.unit.cli.projects import command, environment, headrace

GOOD = '{"id": 1, "name": "Ann"}\n{"id": 2, "name": "Bob"}\n'


def keys(once: Once) -> list[str]:
    return [each["key"] for each in once.delivered]


@pytest.mark.parametrize(
    ("name", "content", "delivered"),
    [
        ("an empty file", "", []),
        ("a file of blank lines", "\n\n  \n\t\n\r\n" * 100, []),
        ("a file with a byte order mark", "\ufeff" + GOOD, ["1", "2"]),
        ("a file with Windows line ends", GOOD.replace("\n", "\r\n"), ["1", "2"]),
        ("a file with blank lines in between", GOOD.replace("\n", "\n\n"), ["1", "2"]),
        ("a file without a last line break", GOOD.rstrip(), ["1", "2"]),
    ],
)
def test_odd_files_are_read_for_what_is_in_them(
    tmp_path: Path, name: str, content: str, delivered: list[str]
) -> None:
    folder = write_project(tmp_path)
    (folder / "customers.jsonl").write_bytes(content.encode())
    once = Once(folder)
    assert keys(once) == delivered
    assert once.tally["letters"] == 0
    assert once.tally["read"] == len(delivered)
    documented(name, ends=once.ran.json["status"]["streams"][0]["state"])


def test_a_file_of_pure_noise_is_letters_and_not_one_byte_is_lost(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    noise = os.urandom(4_096).replace(b"\n", b"x").replace(b"\r", b"y")
    (folder / "customers.jsonl").write_bytes(noise + b"\n" + GOOD.encode())
    once = Once(folder)
    (letter,) = once.letters()
    assert keys(once) == ["1", "2"]
    (found,) = (once.verb("dlq", "show", letter["id"]).json["letter"],)
    assert found["code"] == "row_not_utf8"
    done = subprocess.run(
        command("dlq", "show", letter["id"], "--raw"),
        cwd=folder, env=environment(), capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == noise


def test_a_file_of_nothing_but_bad_rows_holds_with_samples(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    (folder / "customers.jsonl").write_text("not json\n" * 500)
    ran = headrace("run", "--once", "--json", cwd=folder)
    assert ran.code == 4, ran
    (stream,) = ran.json["status"]["streams"]
    assert stream["tally"]["read"] == 0
    assert ran.json["status"]["letters"]["open"] == 0
    documented("half of a page that fails alike", seen=stream["reason"], ends=stream["state"])
    (folder / "customers.jsonl").write_text(GOOD)
    assert keys(Once(folder)) == ["1", "2"]


RAGGED = "id,name\n1,Ann\n2\n3,Cem,extra\n4,Dan\n"


def test_ragged_csv_rows_are_letters_with_the_whole_record(tmp_path: Path) -> None:
    folder = write_project(tmp_path, "customers.csv")
    (folder / "customers.csv").write_text(RAGGED)
    once = Once(folder)
    assert keys(once) == ["1", "4"]
    few, many = sorted(once.letters(), key=lambda each: each["position"])
    raw = [once.raw(each["id"]).out for each in (few, many)]
    assert "3,Cem,extra" in raw[1]
    for letter, kept in zip((few, many), raw, strict=True):
        documented("a CSV record with too few or too many cells", seen=kept, ends=letter["code"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a CSV file with a column twice", "id,id\n1,2\n"),
        ("a CSV file with a column without a name", "id,,name\n1,2,3\n"),
    ],
)
def test_a_csv_header_that_cannot_be_used_holds(tmp_path: Path, name: str, content: str) -> None:
    folder = write_project(tmp_path, "customers.csv")
    (folder / "customers.csv").write_text(content)
    ran = headrace("run", "--once", "--json", cwd=folder)
    assert ran.code == 4, ran
    (stream,) = ran.json["status"]["streams"]
    documented(name, seen=stream["reason"], ends=stream["state"])


def test_a_file_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    ran = headrace("run", "--once", "--json", cwd=folder)
    assert ran.code == 4, ran
    (stream,) = ran.json["status"]["streams"]
    documented("a file that is not there", seen=stream["reason"], ends=f"waits {stream['state']}")


ROW_MEGABYTES = 100
MAX_RSS_MEGABYTES = 700
"""The row is held, put into the store and read from it: some copies of it, and no more."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.slow
def test_a_row_of_100_megabytes_is_one_letter_in_bounded_memory(tmp_path: Path) -> None:
    folder = write_project(tmp_path)
    big = b'{"id": 2, "name": "' + b"x" * (ROW_MEGABYTES << 20) + b'"}'
    first, last = (json.dumps({"id": id, "name": "Ann"}).encode() for id in (1, 3))
    (folder / "customers.jsonl").write_bytes(b"\n".join([first, big, last]) + b"\n")
    digest = hashlib.sha256(big).hexdigest()
    size = len(big)
    del big
    code, out, rss = measured(folder, "run", "--once", "--json")
    assert code == 0
    tally = json.loads(out)["status"]["streams"][0]["tally"]
    assert (tally["read"], tally["appended"], tally["letters"]) == (3, 2, 1)
    assert rss < MAX_RSS_MEGABYTES, f"{rss} MB"
    code, out, rss = measured(folder, "dlq", "list", "--json")
    (letter,) = json.loads(out)["letters"]
    assert rss < MAX_RSS_MEGABYTES, f"{rss} MB"
    documented("a row of 100 MB", seen=letter["detail"], ends=letter["code"])
    code, out, _ = measured(folder, "dlq", "show", letter["id"])
    assert code == 0
    assert len(out) < 2 << 20, f"a person was shown {len(out):,} bytes"
    code, raw, rss = measured(folder, "dlq", "show", letter["id"], "--raw")
    assert len(raw) == size
    assert hashlib.sha256(raw).hexdigest() == digest
    assert rss < MAX_RSS_MEGABYTES, f"{rss} MB"
    code, out, rss = measured(folder, "dlq", "replay", letter["id"], "--json")
    assert (code, json.loads(out)["failed"]) == (1, 1)
    assert rss < MAX_RSS_MEGABYTES, f"{rss} MB"


def measured(folder: Path, *arguments: str) -> tuple[int, bytes, int]:
    """Exit code, standard output, and the peak of the process's memory in MB."""
    out, err = folder / "stdout", folder / "stderr"
    with out.open("wb") as to, err.open("wb") as errors:
        process = subprocess.Popen(
            command(*arguments), cwd=folder, env=environment(), stdout=to, stderr=errors
        )
        peak = 0
        until = time.monotonic() + 120
        while process.poll() is None:
            # Of the process itself: what wait4 says begins with the peak of its parent.
            with suppress(OSError):
                said = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
                peak = int(said[1]) >> 10 if said else peak
            assert time.monotonic() < until
            time.sleep(0.01)
    assert b"Traceback" not in err.read_bytes()
    return process.returncode, out.read_bytes(), peak
