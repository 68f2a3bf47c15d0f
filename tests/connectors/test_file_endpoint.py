"""The endpoint `file`: every delivery once, durably, through crashes, rotation and full disks."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.file import FileConnector
from connectors.file.endpoint import FileEndpoint, line_of
from gateway.errors import ConfigError, Outage
from gateway.types import NO_DATA, Delivered, Delivery, Operation, Position, Record, StreamId
from tests.connectors.pulling import opened

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


def delivery(number: int, data: bytes | None = b'{"amount":1.10}') -> Delivery:
    record = Record(
        position=Position("shop/orders", number, 0),
        generation=0,
        stream=StreamId("shop", "orders"),
        key=f"k{number}",
        contract="order.v1",
        operation=Operation.DELETE if data is None else Operation.UPSERT,
        data=NO_DATA if data is None else msgspec.Raw(data),
        recorded_at=AT,
    )
    return Delivery(route="to-file", offset=number, record=record)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_appends_and_says_where(tmp_path: Path) -> None:
    async with opened(FileConnector, {"path": "out/orders.jsonl"}, {}, tmp_path) as endpoint:
        assert all(each.ok for each in await endpoint.check())
        assert not (tmp_path / "out").exists()
        outcomes = await endpoint.send([delivery(1), delivery(2, None)])
        await endpoint.send([delivery(3, b'{\n "amount": 1.10\n}')])
    file = tmp_path / "out" / "orders.jsonl"
    first, second, third = lines(file)
    assert first["id"] == delivery(1).id
    assert (first["key"], first["contract"], first["operation"]) == ("k1", "order.v1", "upsert")
    assert b'"data":{"amount":1.10}' in file.read_bytes()
    assert second["operation"] == "delete"
    assert second["data"] is None
    assert third["data"] == {"amount": 1.1}
    places = [int(each.receipt.rpartition(":")[2]) for each in outcomes]
    assert places == [0, len(line_of(delivery(1)))]


async def test_sent_again_is_written_once(tmp_path: Path) -> None:
    batch = [delivery(n) for n in range(20)]
    for _ in range(2):
        async with opened(FileConnector, {"path": "o.jsonl"}, {}, tmp_path) as endpoint:
            await endpoint.send(batch[:10])
            outcomes = await endpoint.send(batch)
            assert all(isinstance(each, Delivered) for each in outcomes)
            assert outcomes[0].receipt == "already there"
    assert [each["id"] for each in lines(tmp_path / "o.jsonl")] == [each.id for each in batch]


@given(cut=st.integers(0, 2_000), tail_bytes=st.sampled_from([0, 50, 300, 1 << 20]))
async def test_a_crash_at_any_byte_leaves_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, cut: int, tail_bytes: int
) -> None:
    """Whatever a crash left of the batch, sending it again completes the file."""
    folder = tmp_path_factory.mktemp("crash")
    file = folder / "o.jsonl"
    batch = [delivery(n) for n in range(8)]
    whole = b"".join(line_of(each) for each in batch)
    file.write_bytes(whole[:cut])
    endpoint = FileEndpoint(file, tail_bytes)
    await endpoint.send(batch)
    await endpoint.close()
    ids = [each["id"] for each in lines(file)]
    assert set(ids) == {each.id for each in batch}
    if tail_bytes > len(whole):
        assert file.read_bytes() == whole


async def test_rotated_away_a_new_file_is_begun(tmp_path: Path) -> None:
    file = tmp_path / "o.jsonl"
    async with opened(FileConnector, {"path": "o.jsonl"}, {}, tmp_path) as endpoint:
        await endpoint.send([delivery(1)])
        file.rename(tmp_path / "o.jsonl.1")
        await endpoint.send([delivery(2)])
        file.unlink()
        await endpoint.send([delivery(3)])
    assert [each["key"] for each in lines(tmp_path / "o.jsonl.1")] == ["k1"]
    assert [each["key"] for each in lines(file)] == ["k3"]


async def test_a_full_disk_leaves_no_half_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "o.jsonl"
    real = os.write
    async with opened(FileConnector, {"path": "o.jsonl"}, {}, tmp_path) as endpoint:
        await endpoint.send([delivery(1)])
        before = file.read_bytes()
        calls = iter([True, False])

        def full(handle: int, data: Any) -> int:
            if next(calls):
                return real(handle, bytes(data[:30]))
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("connectors.file.endpoint.os.write", full)
            with pytest.raises(Outage, match="No space left"):
                await endpoint.send([delivery(2), delivery(3)])
        assert file.read_bytes() == before
        await endpoint.send([delivery(2), delivery(3)])
    assert [each["key"] for each in lines(file)] == ["k1", "k2", "k3"]


async def test_two_gateways_do_not_write_one_file(tmp_path: Path) -> None:
    holder = subprocess.Popen(  # noqa: ASYNC220  it only holds the lock
        [sys.executable, "-c",
         ("import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX);"
         "print('held', flush=True); sys.stdin.read()"), str(tmp_path / "o.jsonl")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        async with opened(FileConnector, {"path": "o.jsonl"}, {}, tmp_path) as endpoint:
            with pytest.raises(ConfigError, match="another gateway"):
                await endpoint.send([delivery(1)])
    finally:
        holder.communicate()


async def test_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    async with opened(FileConnector, {"path": "plain/o.jsonl"}, {}, tmp_path) as endpoint:
        with pytest.raises(Outage, match="cannot be written"):
            await endpoint.send([delivery(1)])
    (tmp_path / "folder").mkdir()
    async with opened(FileConnector, {"path": "folder"}, {}, tmp_path) as endpoint:
        assert [each.ok for each in await endpoint.check()] == [False]
    with pytest.raises(ConfigError, match="two of it"):
        async with opened(FileConnector, {"path": "o"}, {"rows.jsonl": {}}, tmp_path):
            pass
