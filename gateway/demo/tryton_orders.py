"""Adds the CD shop's orders to a seeded Tryton: one sale a purchase, for the first parties.

Run by the python of Tryton's own environment. Reads `purchases.jsonl`, gives each of its first
customers one of the parties that are there, and creates the sales in bulk: the newest tenth are
drafts, the others done long ago.

Prints one JSON object: how many sales, and `parties`, customer → party.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

BATCH = 50


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--purchases", required=True)
    parser.add_argument("--customers", type=int, required=True)
    arguments = parser.parse_args()
    from proteus import config  # type: ignore[import-not-found]

    tryton = config.set_trytond(f"sqlite:///{arguments.database}", config_file=arguments.config)
    lines = Path(arguments.purchases).read_text().splitlines()
    purchases = [json.loads(line) for line in lines]
    json.dump(seeded(tryton, purchases, arguments.customers), sys.stdout)
    sys.stdout.write("\n")
    return 0


def seeded(tryton: Any, purchases: list[dict[str, Any]], customers: int) -> dict[str, Any]:
    context = {**tryton.context, "_check_access": False}

    def call(model: str, method: str, *values: Any) -> Any:
        return getattr(tryton.get_proxy(model), method)(*values, context)

    own = {
        row["party"] for row in call("company.company", "search_read", [], 0, None, None, ["party"])
    }
    staff = {
        row["party"]
        for row in call("company.employee", "search_read", [], 0, None, None, ["party"])
    }
    rows = call(
        "party.party",
        "search_read",
        [("active", "=", True)],
        0,
        None,
        [("id", "ASC")],
        ["addresses"],
    )
    rows = [row for row in rows if row["id"] not in own | staff and row["addresses"]]
    wanted = list(dict.fromkeys(each["customer"] for each in purchases))[:customers]
    parties = dict(zip(wanted, rows, strict=False))
    company, currency = _company(call)
    product, unit = _product(call)
    bought = [each for each in purchases if each["customer"] in parties]
    newest = sorted(each["date"] for each in bought)[-max(1, len(bought) // 10)]
    sales = [
        _sale(number, each, parties[each["customer"]], company, currency, product, unit)
        for number, each in enumerate(bought, 1)
    ]
    ids: list[int] = []
    for start in range(0, len(sales), BATCH):
        ids += call("sale.sale", "create", sales[start : start + BATCH])
    done = [id for id, each in zip(ids, bought, strict=True) if each["date"] < newest]
    for start in range(0, len(done), BATCH):
        call("sale.sale", "write", done[start : start + BATCH], {"state": "done"})
    return {
        "sales": len(ids),
        "parties": {str(who): str(row["id"]) for who, row in parties.items()},
    }


def _company(call: Any) -> tuple[int, int]:
    (row,) = call("company.company", "search_read", [], 0, 1, None, ["currency"])
    dollars = call("currency.currency", "search", [("code", "=", "USD")])
    if not dollars:
        dollars = call(
            "currency.currency",
            "create",
            [
                {
                    "name": "US dollar", "symbol": "$", "code": "USD", "numeric_code": "840",
                    "rates": [("create", [{"date": date(1997, 1, 1), "rate": Decimal("1.1")}])],
                }
            ],
        )  # fmt: skip
    return row["id"], dollars[0]


def _product(call: Any) -> tuple[int, int]:
    unit = call("ir.model.data", "get_id", "product", "uom_unit")
    (category,) = call("product.category", "search", [("accounting", "=", True)], 0, 1)
    (template,) = call(
        "product.template",
        "create",
        [
            {
                "name": "Compact disc", "code": "CD", "type": "goods", "default_uom": unit,
                "sale_uom": unit, "salable": True, "list_price": Decimal("14.00"),
                "account_category": category, "products": [("create", [{}])],
            }
        ],
    )  # fmt: skip
    (product,) = call("product.product", "search", [("template", "=", template)], 0, 1)
    return product, unit


def _sale(
    number: int,
    bought: dict[str, Any],
    party: dict[str, Any],
    company: int,
    currency: int,
    product: int,
    unit: int,
) -> dict[str, Any]:
    day = date.fromisoformat(bought["date"])
    items = max(1, int(bought["items"]))
    price = (Decimal(str(bought["amount"])) / items).quantize(Decimal("0.0001"))
    return {
        "company": company, "currency": currency, "party": party["id"],
        "invoice_address": party["addresses"][0], "shipment_address": party["addresses"][-1],
        "reference": f"WEB-{number:05d}", "sale_date": day,
        "lines": [
            ("create", [{
                "type": "line", "product": product, "description": "Compact disc",
                "quantity": float(items), "unit": unit, "unit_price": price,
            }])
        ],
    }  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("TRYTOND_LOGGING_LEVEL", "40")
    raise SystemExit(main())
