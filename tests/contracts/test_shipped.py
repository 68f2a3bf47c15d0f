"""The shipped contracts: documented, published, unchanged, and saying what their schemas say."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from contracts import SHIPPED, prediction_contract
from contracts.prediction import Prediction
from gateway.registry import published_differences, schema
from schemas import CONTRACTS
from tests.contracts.json_schema import faults
from tests.contracts.rows import GOOD

shipped = pytest.mark.parametrize("contract", SHIPPED, ids=lambda each: each.contract_ref)


def test_every_contract_is_published_and_none_has_changed() -> None:
    assert [each.sentence() for each in published_differences(SHIPPED, CONTRACTS)] == []


@shipped
def test_every_field_says_what_it_is(contract) -> None:
    document = schema(contract)
    for model in (document, *document.get("$defs", {}).values()):
        if "properties" not in model:
            continue
        assert model.get("description"), model.get("title")
        for name, field in model["properties"].items():
            assert field.get("description"), f"{model['title']}.{name}"


@shipped
def test_a_full_row_is_accepted_and_what_is_written_follows_the_schema(contract) -> None:
    record = contract.model_validate(GOOD[contract.contract_ref])
    assert set(GOOD[contract.contract_ref]) == set(contract.model_fields), "fill the example"
    written = json.loads(record.model_dump_json(exclude_unset=True))
    document = schema(contract)
    assert faults(document, written, document) == []


@shipped
def test_what_is_written_is_accepted_again_and_stays_as_it_is(contract) -> None:
    record = contract.model_validate(GOOD[contract.contract_ref])
    written = record.model_dump_json(exclude_unset=True)
    again = contract.model_validate_json(written)
    assert again.model_dump_json(exclude_unset=True) == written


@shipped
def test_an_unknown_field_is_refused(contract) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        contract.model_validate({**GOOD[contract.contract_ref], "nope": 1})


@shipped
def test_records_are_frozen(contract) -> None:
    record: BaseModel = contract.model_validate(GOOD[contract.contract_ref])
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, next(iter(contract.model_fields)), None)


def test_absent_and_null_are_told_apart() -> None:
    customer = next(each for each in SHIPPED if each.contract_name == "customer")
    record = customer.model_validate({"id": 1, "name": "A", "email": None})
    assert json.loads(record.model_dump_json(exclude_unset=True)) == {
        "id": "1",
        "name": "A",
        "email": None,
    }


def test_a_prediction_contract_is_named_after_its_endpoint() -> None:
    churn = prediction_contract("churn-small")
    assert churn.contract_ref == "prediction.churn-small.v1"
    assert churn is prediction_contract("churn-small")
    assert issubclass(churn, Prediction)
    assert churn.model_validate(GOOD["prediction.v1"]).outputs["why"] == {
        "age": 1.5,
        "since": "2026-01-01",
    }


@pytest.mark.parametrize("name", ["Churn", "", "a b", "a..b", "a/../b"])
def test_an_endpoint_name_that_no_contract_can_have_is_refused(name) -> None:
    with pytest.raises(ValueError, match="small letters"):
        prediction_contract(name)
