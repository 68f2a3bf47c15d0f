"""The connector `file` as a source: growth, rotation, truncation, torn and broken lines, CSV."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors.file import FileConnector
from connectors.file.config import FileStream
from connectors.file.source import FileSource
from gateway.errors import ConfigError, DriftError, Outage
from gateway.types import Cursor
from tests.connectors.pulling import bodies, end, opened, read


def stream(path: str = "rows.jsonl", **settings: Any) -> Any:
    return {"rows": {"path": path, "quiet_secs": 0, **settings}}


async def read_all(folder: Path, streams: Any, since: Cursor | None = None) -> list[Any]:
    async with opened(FileConnector, {}, streams, folder) as source:
        return await read(source, "rows", since)


def write(path: Path, *lines: str, end: str = "\n") -> None:
    path.write_bytes("".join(line + end for line in lines).encode())


def append(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("ab") as file:
        file.write("".join(line + end for line in lines).encode())


async def test_reads_once_then_what_was_appended(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, '{"id": 1}', "", '{"id": 2}', "   ", '{"id": 3}')
    pages = await read_all(tmp_path, stream(page_rows=2))
    assert bodies(pages) == [b'{"id": 1}', b'{"id": 2}', b'{"id": 3}']
    assert [len(page.rows) for page in pages] == [2, 1]
    assert await read_all(tmp_path, stream(), end(pages)) == []
    append(file, '{"id": 4}')
    more = await read_all(tmp_path, stream(), end(pages))
    assert bodies(more) == [b'{"id": 4}']
    for place, page in enumerate(pages):
        kept = msgspec.json.decode(msgspec.json.encode(page.cursor))
        assert bodies(await read_all(tmp_path, stream(), kept)) == bodies(
            [*pages[place + 1 :], *more]
        )


async def test_bytes_are_untouched(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"id": 1}\r\n\xff\xfe not utf-8\r\nnot json \n{"n": NaN}\n\x00\n'
    (tmp_path / "rows.jsonl").write_bytes(content)
    pages = await read_all(tmp_path, stream())
    assert bodies(pages) == [
        b'{"id": 1}',
        b"\xff\xfe not utf-8",
        b"not json ",
        b'{"n": NaN}',
        b"\x00",
    ]


async def test_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes('{"n": "Müller"}\n'.encode("latin-1"))
    pages = await read_all(tmp_path, stream(encoding="latin-1"))
    assert bodies(pages) == ['{"n": "Müller"}'.encode()]
    assert bodies(await read_all(tmp_path, stream())) == [b'{"n": "M\xfcller"}']
    for wrong in ("utf-16", "nonsense"):
        with pytest.raises(ValidationError):
            FileStream(encoding=wrong)


async def test_a_torn_last_line_waits_until_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, '{"id": 1}', '{"id": ', end="")
    file.write_bytes(b'{"id": 1}\n{"id": ')
    async with opened(FileConnector, {}, stream(quiet_secs=30), tmp_path) as source:
        pull = source.pull("rows", None)
        first = await anext(pull)
        assert bodies([first]) == [b'{"id": 1}']
        waiting = asyncio.ensure_future(anext(pull))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        append(file, "2}")
        assert bodies([await waiting]) == [b'{"id": 2}']


async def test_a_torn_last_line_of_a_quiet_file_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"id": 1}\n{"id": 2}')
    os.utime(file, (1_000, 1_000))
    pages = await read_all(tmp_path, stream(quiet_secs=60))
    assert bodies(pages) == [b'{"id": 1}', b'{"id": 2}']
    append(file, "", '{"id": 3}')
    assert bodies(await read_all(tmp_path, stream(), end(pages))) == [b'{"id": 3}']


async def test_a_file_from_the_future_is_quiet_when_it_stops_growing(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b'{"id": 1}')
    os.utime(file, (4e9, 4e9))
    assert bodies(await read_all(tmp_path, stream(quiet_secs=0.2))) == [b'{"id": 1}']


@pytest.mark.parametrize("pattern", ["rows.jsonl", "rows.jsonl*"])
async def test_a_rotated_file_is_read_to_its_end(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, "1", "2")
    settings = stream(pattern, format="jsonl")
    pages = await read_all(tmp_path, settings)
    append(file, "3")
    file.rename(tmp_path / "rows.jsonl.1")
    write(file, "4")
    second = await read_all(tmp_path, settings, end(pages))
    assert bodies(second) == [b"3", b"4"]
    (tmp_path / "rows.jsonl.1").rename(tmp_path / "rows.jsonl.2")
    file.rename(tmp_path / "rows.jsonl.1")
    write(file, "5")
    third = await read_all(tmp_path, settings, end(second))
    assert bodies(third) == [b"5"]
    (tmp_path / "rows.jsonl.2").unlink()
    assert bodies(await read_all(tmp_path, settings, end(third))) == []


@pytest.mark.parametrize("pattern", ["rows.jsonl", "rows.jsonl*"])
async def test_copied_and_truncated(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, "1", "2")
    settings = stream(pattern, format="jsonl")
    pages = await read_all(tmp_path, settings)
    (tmp_path / "rows.jsonl.1").write_bytes(file.read_bytes())
    with file.open("r+b") as held:
        held.truncate(0)
    append(file, "3")
    second = await read_all(tmp_path, settings, end(pages))
    assert bodies(second) == [b"3"]


async def test_a_rewritten_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, "1", "2")
    pages = await read_all(tmp_path, stream())
    with file.open("r+b") as held:
        held.write(b"9\n8\n7\n")
    assert bodies(await read_all(tmp_path, stream(), end(pages))) == [b"9", b"8", b"7"]
    write(file, "1")
    assert bodies(await read_all(tmp_path, stream(), end(pages))) == [b"1"]


async def test_a_file_replaced_by_a_longer_one_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, "1", "2")
    pages = await read_all(tmp_path, stream())
    write(tmp_path / "new", "1", "2", "3")
    (tmp_path / "new").rename(file)
    assert bodies(await read_all(tmp_path, stream(), end(pages))) == [b"3"]


async def test_many_files_and_two_of_the_same_content(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / f"part-{number}.jsonl", '{"temperature": 20}')
        os.utime(tmp_path / f"part-{number}.jsonl", (1_000 + number, 1_000 + number))
    pages = await read_all(tmp_path, stream("part-*.jsonl"))
    assert len(bodies(pages)) == 5
    assert len(pages) == 1
    (tmp_path / "part-0.jsonl").unlink()
    write(tmp_path / "part-9.jsonl", '{"temperature": 20}')
    assert len(bodies(await read_all(tmp_path, stream("part-*.jsonl"), end(pages)))) == 1


async def test_a_vanished_file_that_is_back_is_not_read_twice(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    write(file, "1", "2")
    settings = stream("*.jsonl")
    pages = await read_all(tmp_path, settings)
    elsewhere = tmp_path / "away" / "rows.jsonl"
    elsewhere.parent.mkdir()
    file.rename(elsewhere)
    assert await read_all(tmp_path, settings, end(pages)) == []
    elsewhere.rename(file)
    append(file, "3")
    assert bodies(await read_all(tmp_path, settings, end(pages))) == [b"3"]


async def test_gzip(tmp_path: Path) -> None:
    packed = tmp_path / "rows.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"id": 1}\n{"id": 2}\n{"id": 3}\n'))
    pages = await read_all(tmp_path, stream("rows.jsonl.gz", page_rows=2))
    assert bodies(pages) == [b'{"id": 1}', b'{"id": 2}', b'{"id": 3}']
    assert await read_all(tmp_path, stream("rows.jsonl.gz"), end(pages)) == []
    packed.write_bytes(gzip.compress(b'{"id": 1}\n' * 1_000)[:-9])
    with pytest.raises(Outage, match="not a complete gzip file"):
        await read_all(tmp_path, stream("rows.jsonl.gz"))


async def test_what_is_not_there_or_cannot_be_told(tmp_path: Path) -> None:
    with pytest.raises(Outage, match="not there"):
        await read_all(tmp_path, stream("absent.jsonl"))
    assert await read_all(tmp_path, stream("absent-*.jsonl")) == []
    with pytest.raises(ConfigError, match="is a folder"):
        await read_all(tmp_path.parent, stream(tmp_path.name))
    (tmp_path / "rows.dat").write_bytes(b"1\n")
    with pytest.raises(ConfigError, match="format: jsonl"):
        await read_all(tmp_path, stream("rows.dat"))
    streams = {"absent.jsonl": {}, "*.none": {"format": "csv"}, "rows.dat": {}}
    async with opened(FileConnector, {}, streams, tmp_path) as source:
        assert [each.ok for each in await source.check()] == [False, True, False]


class TestCsv:
    async def test_rows_are_text_by_column(self, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_bytes(
            b'\xef\xbb\xbfid,name,note\r\n1,"Smith, J.","two\r\nlines"\r\n2,"say ""hi""",\r\n'
            b'3,5" disk,x\r\n\r\nid,name,note\r\n4,a,"b"\r\n'
        )
        pages = await read_all(tmp_path, stream("rows.csv"))
        assert bodies(pages) == [
            {"id": "1", "name": "Smith, J.", "note": "two\nlines"},
            {"id": "2", "name": 'say "hi"', "note": ""},
            {"id": "3", "name": '5" disk', "note": "x"},
            {"id": "4", "name": "a", "note": "b"},
        ]
        assert pages[0].fields == {"id": "text", "name": "text", "note": "text"}

    async def test_broken_records_say_what_is_wrong_and_keep_it(self, tmp_path: Path) -> None:
        (tmp_path / "rows.csv").write_bytes(b"id,name\n1,a,b\n2\n3,\xff\n4,d\n")
        found = bodies(await read_all(tmp_path, stream("rows.csv")))
        assert found == [
            {"csv_error": "the record has 3 cells, the header 2", "csv_line": "1,a,b"},
            {"csv_error": "the record has 1 cells, the header 2", "csv_line": "2"},
            {"csv_error": "byte 3 (0xff) is not utf-8", "csv_line": b"3,\xff"},
            {"id": "4", "name": "d"},
        ]

    async def test_a_quote_never_closed_costs_one_record(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("connectors.file.csv_rows.MAX_RECORD_BYTES", 100)
        lines = ["id,name", '1,"open', *(f"{n},x" for n in range(2, 60))]
        write(tmp_path / "rows.csv", *lines)
        found = bodies(await read_all(tmp_path, stream("rows.csv")))
        assert found[0] == {
            "csv_error": "a quote is opened and never closed", "csv_line": '1,"open',
        }  # fmt: skip
        assert [row["id"] for row in found[1:]] == [str(n) for n in range(2, 60)]

    async def test_a_record_torn_within_a_quote_waits(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        file.write_bytes(b'id,name\n1,"two\n')
        async with opened(FileConnector, {}, stream("rows.csv", quiet_secs=30), tmp_path) as source:
            pull = source.pull("rows", None)
            assert bodies([await anext(pull)]) == []
            waiting = asyncio.ensure_future(anext(pull))
            await asyncio.sleep(0.15)
            assert not waiting.done()
            append(file, 'lines"')
            assert bodies([await waiting]) == [{"id": "1", "name": "two\nlines"}]

    async def test_columns_that_differ_between_files(self, tmp_path: Path) -> None:
        write(tmp_path / "a.csv", "id,name", "1,x")
        write(tmp_path / "b.csv", "id,title", "2,y")
        os.utime(tmp_path / "a.csv", (1_000, 1_000))
        pages = await read_all(tmp_path, stream("*.csv"))
        assert [list(page.fields or {}) for page in pages] == [["id", "name"], ["id", "title"]]
        assert bodies(pages) == [{"id": "1", "name": "x"}, {"id": "2", "title": "y"}]

    async def test_resumes_with_its_header(self, tmp_path: Path) -> None:
        file = tmp_path / "rows.csv"
        write(file, "id,name", "1,a", "2,b", "3,c")
        pages = await read_all(tmp_path, stream("rows.csv", page_rows=1))
        rest = await read_all(tmp_path, stream("rows.csv"), pages[0].cursor)
        assert bodies(rest) == [{"id": "2", "name": "b"}, {"id": "3", "name": "c"}]

    async def test_a_header_of_the_project_and_tabs(self, tmp_path: Path) -> None:
        write(tmp_path / "rows.tsv", "1\ta", "2\tb,c")
        pages = await read_all(tmp_path, stream("rows.tsv", header=["id", "name"]))
        assert bodies(pages) == [{"id": "1", "name": "a"}, {"id": "2", "name": "b,c"}]

    @pytest.mark.parametrize("first", ["id,id", "id,,name", " , "])
    async def test_headers_that_cannot_be_used(self, tmp_path: Path, first: str) -> None:
        write(tmp_path / "rows.csv", first, "1,2,3")
        with pytest.raises(DriftError, match="`header`"):
            await read_all(tmp_path, stream("rows.csv"))

    async def test_discover(self, tmp_path: Path) -> None:
        write(tmp_path / "rows.csv", "id,name", "1,a")
        async with opened(FileConnector, {}, stream("rows.csv"), tmp_path) as source:
            (offered,) = await source.discover()
        assert [each.name for each in offered.fields] == ["id", "name"]


async def test_a_page_is_bounded_by_bytes(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", *("x" * 1_000 for _ in range(10)), "y" * 9_000, "z")
    pages = await read_all(tmp_path, stream(page_bytes=3_500))
    assert [len(page.rows) for page in pages] == [3, 3, 3, 1, 1, 1]


async def test_a_line_too_long_is_cut_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.file.lines.CHUNK_BYTES", 1_000)
    monkeypatch.setattr("connectors.file.lines.MAX_LINE_BYTES", 5_000)
    monkeypatch.setattr("connectors.file.lines.KEPT_BYTES", 100)
    for tail in ("", "after"):
        write(tmp_path / "rows.jsonl", "before", "x" * 20_000, *([tail] if tail else []))
        found = bodies(await read_all(tmp_path, stream()))
        assert found[0] == b"before"
        assert found[1].startswith(b"x" * 100 + "… [".encode())
        assert b"a line of 20,000 bytes ends at 20,008" in found[1]
        assert found[2:] == ([b"after"] if tail else [])


@pytest.mark.slow
def test_a_line_of_100_megabytes_in_bounded_memory(tmp_path: Path) -> None:
    with (tmp_path / "rows.jsonl").open("wb") as file:
        file.write(b'{"id": 1}\n{"x": "')
        for _ in range(100):
            file.write(b"y" * (1 << 20))
        file.write(b'"}\n{"id": 2}\n')
    program = """
import asyncio, pathlib, resource, sys
from connectors.file import FileConnector
from tests.connectors.pulling import opened
async def main():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with opened(FileConnector, {}, {"rows.jsonl": {}}, pathlib.Path(sys.argv[1])) as source:
        sizes = []
        async for page in source.pull("rows.jsonl", None):
            sizes.append([len(row.body) for row in page.rows])
            del page
    print(sizes, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    sizes, grown = done.stdout.rsplit(" ", 1)
    assert sizes == f"[[9], [{(100 << 20) + 9}], [9]]"
    assert int(grown) < 450, "MiB: the line, its copy, and what growing the buffer takes"


@given(
    chunks=st.lists(st.binary(max_size=40), max_size=12),
    page_rows=st.integers(1, 4),
    seed=st.integers(0, 1_000),
)
async def test_any_cut_of_writing_and_reading_gives_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes], page_rows: int, seed: int
) -> None:
    """The file grows by arbitrary bytes and is rotated now and then; the reader is dropped at
    any page and begins again at the last cursor it kept."""
    chance = random.Random(seed)
    folder = tmp_path_factory.mktemp("cut")
    file = folder / "rows.jsonl"
    file.touch()
    everything = b""
    got: list[bytes] = []
    cursor: Cursor | None = None
    rotated = 0
    known = False
    # Not quiet while it is written, all quiet at the end: a clock that stands still, then jumps.
    now = [0.0]
    settings = FileStream(path="rows.jsonl", page_rows=page_rows, quiet_secs=0.1)
    source = FileSource("shop", folder, {"rows": settings}, clock=lambda: now[0])
    for chunk in [*chunks, b"\n"]:
        append_bytes(file, chunk.replace(b"\xef\xbb\xbf", b""))
        everything += chunk.replace(b"\xef\xbb\xbf", b"")
        if known and everything.endswith(b"\n") and chance.random() < 0.4:
            # What is rotated twice between two looks was never seen, by anybody.
            known = False
            rotated += 1
            file.rename(folder / f"rows.jsonl.{rotated}")
            file.touch()
        if everything and not everything.endswith(b"\n"):
            continue
        async for page in source.pull("rows", cursor):
            if chance.random() < 0.3:
                break
            got += [bytes(row.body) for row in page.rows]
            cursor = page.cursor
        else:
            known = True
    async for page in source.pull("rows", cursor):
        got += [bytes(row.body) for row in page.rows]
    lines = [line.removesuffix(b"\r") for line in everything.split(b"\n") if line.strip()]
    assert got == lines


def append_bytes(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
