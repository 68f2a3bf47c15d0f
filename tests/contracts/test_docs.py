"""docs/contracts.md, executed."""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from ruamel.yaml import YAML

from contracts import SHIPPED
from gateway.config.model import Limits
from gateway.converters import CONVERTERS
from gateway.mapping import Mapping
from gateway.normalise import normalise
from gateway.program import compile_mapping, compile_sink
from gateway.project_code import forget
from gateway.registry import Registry
from gateway.types import Delivery, Page, Position, RawRow, Record, StreamId

PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
TEXT = PAGE.read_text(encoding="utf-8")
NOW = datetime(2026, 7, 2, tzinfo=UTC)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def mapping(text):
    return Mapping.model_validate(YAML(typ="safe").load(text))


@pytest.fixture
def registry(tmp_path):
    (source,) = blocks("python")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "subscription.py").write_text(source)
    yield Registry.load(tmp_path, ["contracts/"])
    forget()


def test_the_row_becomes_the_record(registry) -> None:
    row, record = (json.loads(each) for each in blocks("json"))
    text = mapping(blocks("yaml")[0])
    program = compile_mapping(text, registry.get(text.contract))
    counter = itertools.count()
    result = normalise(
        Page(StreamId("billing", "subscription"), [RawRow(json.dumps(row).encode())], {}),
        program,
        page_seq=0,
        now=NOW,
        ids=lambda: str(next(counter)),
        limits=Limits(),
    )
    assert [letter.detail for letter in result.letters] == []
    assert json.loads(bytes(result.records[0].data)) == record
    assert (result.records[0].key, result.records[0].version) == ("12", "3")


def test_the_sinks_mapping_makes_a_row() -> None:
    program = compile_sink(mapping(blocks("yaml")[1]))
    data = msgspec.Raw(b'{"score":0.25,"model":{"version":"3"}}')
    record = Record(
        Position("@r", 1, 0), 0, StreamId("a", "b"), "7", "prediction.x.v1", "upsert", data, NOW
    )
    write = program.write(Delivery("r", 1, record))
    assert write.key == {"party": 7}
    assert set(write.fields) == {"churn_score", "churn_model"}


def table(heading):
    section = TEXT.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def test_every_converter_is_listed() -> None:
    assert table("Converters") == sorted(CONVERTERS)


def test_every_shipped_contract_is_listed() -> None:
    listed = [ref.replace(".<endpoint>", "") for ref in table("The shipped contracts")]
    assert sorted(listed) == sorted(contract.contract_ref for contract in SHIPPED)


def test_every_code_is_listed() -> None:
    gateway = PAGE.parents[1] / "gateway"
    files = [*(gateway / "rows").glob("*.py"), *(gateway / "program").glob("*.py")]
    files.append(gateway / "normalise.py")
    source = "".join(file.read_text() for file in files)
    used = set(re.findall(r'(?:RowError|Rejected)\(\s*"([a-z_]+[a-z0-9_]*)"', source))
    assert len(used) > 8
    assert set(table("What cannot go on")) == used
