"""What a contract class must say of itself."""

from __future__ import annotations

import pytest
from pydantic import Field

from contracts.base import Contract


def test_name_version_and_kind_become_the_reference() -> None:
    class Deal(Contract, name="sales.deal", version=2, kind="event"):
        id: str

    assert (Deal.contract_ref, Deal.contract_kind) == ("sales.deal.v2", "event")


def test_a_class_without_a_name_is_a_body_to_share() -> None:
    class Body(Contract):
        id: str

    class DealV1(Body, name="deal", version=1, kind="state"):
        pass

    class DealV2(Body, name="deal", version=2, kind="state"):
        more: str

    assert not hasattr(Body, "contract_ref")
    assert (DealV1.contract_ref, DealV2.contract_ref) == ("deal.v1", "deal.v2")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"name": "Deal", "version": 1, "kind": "state"}, "name"),
        ({"version": 1, "kind": "state"}, "name"),
        ({"name": "deal", "version": 0, "kind": "state"}, "version"),
        ({"name": "deal", "version": "1", "kind": "state"}, "version"),
        ({"name": "deal", "version": True, "kind": "state"}, "version"),
        ({"name": "deal", "version": 1, "kind": "thing"}, "kind"),
        ({"name": "deal", "version": 1}, "kind"),
    ],
)
def test_what_cannot_be_used_is_refused(settings, word) -> None:
    with pytest.raises(TypeError, match=f"`{word}`"):
        type(Contract)("Deal", (Contract,), {"__module__": __name__}, **settings)


def test_an_alias_is_refused() -> None:
    with pytest.raises(TypeError, match="alias"):

        class Deal(Contract, name="deal", version=1, kind="state"):
            id: str = Field(alias="Id")


def test_a_field_cannot_take_the_contracts_own_names() -> None:
    with pytest.raises((TypeError, NameError), match="contract_ref"):

        class Deal(Contract, name="deal", version=1, kind="state"):
            contract_ref: str  # type: ignore[misc]
