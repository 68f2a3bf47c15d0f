"""The registry of contracts, and the check that a published one never changes."""

from __future__ import annotations

import json
import textwrap

import pytest

from contracts import SHIPPED
from contracts.base import Contract
from gateway.errors import ConfigError
from gateway.project_code import forget
from gateway.registry import Registry, export, published_differences, schema, schema_hash


@pytest.fixture(autouse=True)
def _no_project():
    yield
    forget()


def project(tmp_path, **modules):
    folder = tmp_path / "project"
    for name, text in modules.items():
        file = folder / "contracts" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
    return folder


DEAL = '''
    from contracts import Contract

    class DealV1(Contract, name="deal", version=1, kind="event"):
        """A deal."""

        id: str
        """Its identifier."""
'''


def test_shipped_contracts_own_ones_and_predictions_are_found(tmp_path) -> None:
    registry = Registry.load(project(tmp_path, deal=DEAL), ["contracts"], endpoints=["churn"])
    assert {entry.ref: entry.origin for entry in registry} == {
        **{contract.contract_ref: "shipped" for contract in SHIPPED},
        "deal.v1": "project",
        "prediction.churn.v1": "prediction",
    }
    deal = registry.entry("deal.v1")
    assert deal.file.endswith("project/contracts/deal.py")
    assert deal.contract.model_fields["id"].description == "Its identifier."
    assert registry.find("nope.v1") is None


def test_modules_of_a_project_see_one_another(tmp_path) -> None:
    more = """
        from .deal import DealV1 as Older
        from contracts import Contract

        class DealV2(Contract, name="deal", version=2, kind="event"):
            id: str
            old: Older | None = None
    """
    registry = Registry.load(project(tmp_path, deal=DEAL, later=more), ["contracts"])
    assert registry.get("deal.v2").model_fields.keys() == {"id", "old"}


def test_two_projects_in_one_process_do_not_mix(tmp_path) -> None:
    first = Registry.load(project(tmp_path / "a", deal=DEAL), ["contracts"])
    other = DEAL.replace("id: str", "number: int")
    second = Registry.load(project(tmp_path / "b", deal=other), ["contracts"])
    assert first.get("deal.v1").model_fields.keys() == {"id"}
    assert second.get("deal.v1").model_fields.keys() == {"number"}
    assert first.entry("deal.v1").hash != second.entry("deal.v1").hash


@pytest.mark.parametrize(
    ("ref", "mend"),
    [("custmer.v1", "Did you mean 'customer.v1'?"), ("zzz", "There are customer.v1, ")],
)
def test_an_unknown_reference_gets_the_nearest_name(ref, mend) -> None:
    with pytest.raises(ConfigError) as caught:
        Registry.load().get(ref)
    assert mend in str(caught.value)


def test_two_different_contracts_of_one_name_name_both_files(tmp_path) -> None:
    folder = project(tmp_path, deal=DEAL, other=DEAL.replace("id: str", "number: int"))
    with pytest.raises(ConfigError) as caught:
        Registry.load(folder, ["contracts"])
    assert "contracts/deal.py" in str(caught.value)
    assert "contracts/other.py" in str(caught.value)


def test_a_shipped_contract_cannot_be_replaced(tmp_path) -> None:
    folder = project(tmp_path, mine=DEAL.replace('name="deal"', 'name="customer"'))
    with pytest.raises(ConfigError, match=r"two different contracts are called 'customer\.v1'"):
        Registry.load(folder, ["contracts"])


def test_the_same_contract_twice_is_one(tmp_path) -> None:
    folder = project(tmp_path, deal=DEAL, same=DEAL.replace("A deal.", "Said otherwise."))
    assert Registry.load(folder, ["contracts"]).find("deal.v1") is not None


BAD_NAME = """\
from contracts import Contract
class D(Contract, name="D", version=1, kind="state"): id: str
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere_at_all", "broken.py:1"),
        ("x = 1\nx.y", "broken.py:2"),
        ("def (:", "broken.py:1"),
        (BAD_NAME, "broken.py:2"),
    ],
)
def test_a_module_that_does_not_import_is_named_with_its_line(tmp_path, text, words) -> None:
    with pytest.raises(ConfigError) as caught:
        Registry.load(project(tmp_path, broken=text), ["contracts"])
    assert words in str(caught.value)


def test_an_endpoint_whose_name_makes_no_contract_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"`endpoints\.Churn`"):
        Registry.load(endpoints=["Churn"])


def contract(name="deal", version=1, kind="state", doc="A deal.", **fields):
    return type(Contract)(
        "Deal",
        (Contract,),
        {"__module__": __name__, "__doc__": doc, "__annotations__": fields},
        name=name,
        version=version,
        kind=kind,
    )


def test_a_new_contract_is_told_apart_from_a_changed_one(tmp_path) -> None:
    deal = contract(id=str, title=str)
    (new,) = published_differences([deal], tmp_path)
    assert (new.kind, new.error) == ("new", False)
    (file,) = export([deal], tmp_path)
    assert file.name == "deal.v1.json"
    assert published_differences([deal], tmp_path) == []
    assert export([deal], tmp_path) == []
    second = contract(version=2, id=str)
    (new,) = published_differences([deal, second], tmp_path)
    assert (new.ref, new.kind) == ("deal.v2", "new")


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        (contract(id=int, title=str), "/properties/id/type"),
        (contract(id=str), "/properties/title"),
        (contract(id=str, title=str, more=str), "/properties/more"),
        (contract(kind="event", id=str, title=str), "/x-kind"),
    ],
)
def test_a_published_contract_that_changed_is_an_error(tmp_path, changed, path) -> None:
    export([contract(id=str, title=str)], tmp_path)
    before = (tmp_path / "deal.v1.json").read_bytes()
    differences = published_differences([changed], tmp_path)
    assert path in {each.path for each in differences}
    assert all(each.error for each in differences)
    with pytest.raises(ConfigError, match="must not change"):
        export([changed], tmp_path)
    assert (tmp_path / "deal.v1.json").read_bytes() == before


def test_better_texts_are_no_change(tmp_path) -> None:
    export([contract(id=str)], tmp_path)
    better = contract(doc="A deal, said better.", id=str)
    (texts,) = published_differences([better], tmp_path)
    assert (texts.kind, texts.error) == ("texts", False)
    assert len(export([better], tmp_path)) == 1
    assert published_differences([better], tmp_path) == []
    assert schema_hash(better) == schema_hash(contract(id=str))


def test_a_published_contract_that_is_gone_is_an_error(tmp_path) -> None:
    export([contract(id=str)], tmp_path)
    (gone,) = published_differences([], tmp_path)
    assert (gone.ref, gone.kind, gone.error) == ("deal.v1", "removed", True)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_that_is_no_schema_is_named(tmp_path, text) -> None:
    (tmp_path / "deal.v1.json").write_text(text)
    with pytest.raises(ConfigError, match=r"deal\.v1\.json"):
        published_differences([contract(id=str)], tmp_path)


def test_a_schema_says_what_it_is() -> None:
    document = schema(SHIPPED[0])
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == "urn:headrace:contract:customer.v1"
    assert json.dumps(document)
