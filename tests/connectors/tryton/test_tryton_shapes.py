"""The shapes in `schemas/vendors/tryton` are what a real server declares.

`HEADRACE_UPDATE_SHAPES=1` writes them anew, after a change of Tryton's series.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "schemas" / "vendors" / "tryton"
MODELS = (
    "party.party", "party.address", "party.identifier", "party.contact_mechanism", "sale.sale",
    "sale.line", "sale.opportunity", "sale.opportunity.line", "product.product",
    "product.template", "ir.note",
)  # fmt: skip


def shape(model, definitions):
    fields = {
        name: {
            "type": definition["type"],
            **({"relation": definition["relation"]} if definition.get("relation") else {}),
            "required": definition["required"],
            "stored": bool(definition["searchable"] and definition["sortable"]),
            "label": definition["string"],
        }
        for name, definition in sorted(definitions.items())
    }
    return {"system": "Tryton 8.2", "stream": model, "fields": fields}


@pytest.mark.parametrize("model", MODELS)
async def test_the_shape_is_that_of_the_server(erp, model):
    declared = shape(model, await erp.call(f"{model}.fields_get", []))
    file = FOLDER / f"{model}.json"
    if os.environ.get("HEADRACE_UPDATE_SHAPES"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(declared, indent=2, ensure_ascii=False) + "\n")
    assert json.loads(file.read_text()) == declared
