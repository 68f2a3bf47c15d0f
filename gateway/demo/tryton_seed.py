"""Fills a fresh Tryton database with a trading company: customers, products, leads, sales.

Run by the python of Tryton's own environment, never by the gateway's: it needs `proteus` and
`trytond`, and imports nothing else. The same `--seed` and sizes give the same rows, apart from
Tryton's own time stamps. Rows are created in bulk, some twenty-five in a transaction: one change
stamp for many rows, as an import leaves them. Sales that are `done` are history taken over from an
older system: confirmed here, then set to done, without the invoices of that time.

Prints one JSON object: what was made, and how long it took in seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

BATCH = 25
"""Rows of one transaction."""

# code, code3, numeric, name, cities with postal codes
COUNTRIES = (
    ("DE", "DEU", "276", "Germany", (("Köln", "50667"), ("München", "80331"), ("Jena", "07743"))),
    ("AT", "AUT", "040", "Austria", (("Wien", "1010"), ("Graz", "8010"), ("Linz", "4020"))),
    ("CH", "CHE", "756", "Switzerland", (("Zürich", "8001"), ("Genève", "1201"))),
    ("FR", "FRA", "250", "France", (("Lyon", "69001"), ("Besançon", "25000"))),
    ("IT", "ITA", "380", "Italy", (("Torino", "10121"), ("Forlì", "47121"))),
    ("NL", "NLD", "528", "Netherlands", (("Eindhoven", "5611"), ("Utrecht", "3511"))),
    ("PL", "POL", "616", "Poland", (("Łódź", "90-001"), ("Kraków", "31-001"))),
    ("CZ", "CZE", "203", "Czechia", (("Brno", "602 00"), ("Plzeň", "301 00"))),
)
COUNTRY_WEIGHTS = (46, 14, 10, 9, 7, 6, 5, 3)
LEGAL_FORMS = {
    "DE": ("GmbH", "AG", "GmbH & Co. KG", "e.K."),
    "AT": ("GmbH", "KG"),
    "CH": ("AG", "GmbH", "Sàrl"),
    "FR": ("SAS", "SARL"),
    "IT": ("S.p.A.", "S.r.l."),
    "NL": ("B.V.",),
    "PL": ("Sp. z o.o.",),
    "CZ": ("s.r.o.", "a.s."),
}
PLACES = (
    "Mühlbach", "Rheinufer", "Nordhafen", "Alpenrand", "Lindental", "Kesselberg", "Sonnenfels",
    "Weißwasser", "Brückner", "Steinacker", "Vogelsang", "Hochwald", "Marienborn", "Eichgrund",
    "Falkenau", "Bergström", "Delacroix", "Morandi", "Van Aalst", "Nowicki", "Dvořák", "Černý",
)  # fmt: skip
TRADES = (
    "Präzision", "Antriebe", "Medizintechnik", "Logistik", "Anlagenbau", "Elektrotechnik",
    "Verpackung", "Messtechnik", "Feinmechanik", "Energie", "Fördertechnik", "Werkzeuge",
    "Pumpen", "Druckguss", "Optik", "Hydraulik",
)  # fmt: skip
FIRST = (
    "Anna", "Jonas", "Mira", "Paul", "Leïla", "Tomás", "Greta", "Ivo", "Zoë", "Emil", "Søren",
    "Agnieszka", "Luca", "Noor", "Felix",
)  # fmt: skip
LAST = (
    "Weber", "Schäfer", "Novák", "Rossi", "de Vries", "Kowalska", "Meier", "Lefèvre", "Huber",
    "Öztürk", "Jansen", "Bauer", "Conti", "Große",
)  # fmt: skip
STREETS = ("Industriestraße", "Am Wehr", "Bahnhofstrasse", "Rue du Moulin", "Via Roma", "Hafenweg")
SEGMENTS = ("Machine building", "Medical", "Logistics", "Energy", "Trade")
# name, code, list price, unit price spread
PRODUCTS = (
    ("Spindle drive SD 40", "SD40", "1240.00"),
    ("Spindle drive SD 80", "SD80", "2190.50"),
    ("Linear guide 600 mm", "LG600", "318.40"),
    ("Linear guide 1200 mm", "LG1200", "541.90"),
    ("Servo controller C3", "C3", "876.25"),
    ("Torque sensor T5", "T5", "412.75"),
    ("Cable set 5 m", "K5", "38.90"),
    ("Ball bearing 6204", "B6204", "7.45"),
    ("Seal kit", "SEAL", "22.10"),
    ("Gear box G12", "G12", "1735.00"),
    ("Coolant pump P2", "P2", "264.80"),
    ("Safety light curtain", "SLC", "698.00"),
    ("Commissioning, per hour", "SVC-C", "128.00"),
    ("Maintenance, per hour", "SVC-M", "112.00"),
)
SALE_STATES = (("draft", 34), ("quotation", 30), ("confirmed", 8), ("processing", 5),
               ("done", 17), ("cancelled", 6))  # fmt: skip
LEAD_STATES = (("lead", 34), ("opportunity", 30), ("won", 12), ("lost", 16), ("cancelled", 8))
LOST_REASONS = ("Price", "Delivery time", "Chose a competitor", "Project stopped")
GATEWAY_GROUPS = (
    ("sale", "group_sale"), ("sale", "group_sale_admin"), ("party", "group_party_admin"),
    ("product", "group_product_admin"), ("sale_opportunity", "group_opportunity"),
    ("stock", "group_stock"), ("account", "group_account"),
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _arguments(argv)
    began = time.monotonic()
    from proteus import config as proteus_config  # type: ignore[import-not-found]

    tryton = proteus_config.set_trytond(
        f"sqlite:///{arguments.database}", config_file=arguments.config
    )
    made = Seeding(tryton, arguments).run()
    json.dump({**made, "secs": round(time.monotonic() - began, 1)}, sys.stdout)
    sys.stdout.write("\n")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--config", required=True, help="trytond's configuration file")
    parser.add_argument("--database", required=True)
    parser.add_argument("--user", default="headrace", help="the integration's own user")
    parser.add_argument("--password-file", help="holds that user's password")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--parties", type=int, default=140)
    parser.add_argument("--sales", type=int, default=180)
    parser.add_argument("--opportunities", type=int, default=80)
    parser.add_argument("--until", type=date.fromisoformat, default=date(2026, 9, 30))
    return parser.parse_args(argv)


def _batches(rows: Sequence[Any], size: int = BATCH) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


class Seeding:
    """One run: what has been made so far, and the dice."""

    def __init__(self, tryton: Any, arguments: argparse.Namespace) -> None:
        self.tryton = tryton
        self.dice = random.Random(arguments.seed)
        self.sizes = arguments
        self.until: date = arguments.until

    def run(self) -> dict[str, int]:
        self._company()
        self._gateway_user()
        products = self._products()
        parties = self._parties()
        sales = self._sales(parties, products)
        opportunities = self._opportunities(parties, products)
        return {
            "parties": len(parties),
            "products": len(products),
            "sales": sales,
            "opportunities": opportunities,
        }

    def _create(self, model: str, rows: Sequence[dict[str, Any]]) -> list[int]:
        proxy = self.tryton.get_proxy(model)
        ids: list[int] = []
        for batch in _batches(rows):
            ids += proxy.create(list(batch), self._import_context)
        return ids

    @property
    def _import_context(self) -> dict[str, Any]:
        # As an import runs: read-only fields (a closed order's state, an inactive customer's
        # name) are set as they were.
        return {**self.tryton.context, "_check_access": False}

    def _call(self, model: str, method: str, *arguments: Any) -> Any:
        return getattr(self.tryton.get_proxy(model), method)(*arguments, self.tryton.context)

    def _company(self) -> None:
        """The company, its chart of accounts, a fiscal year and the defaults of selling."""
        from proteus import Model
        from trytond.modules.account.tests.tools import (  # type: ignore[import-not-found]
            create_chart,
            create_fiscalyear,
            create_tax,
            get_accounts,
        )
        from trytond.modules.account_invoice.tests.tools import (  # type: ignore[import-not-found]
            set_fiscalyear_invoice_sequences,
        )
        from trytond.modules.company.tests.tools import (  # type: ignore[import-not-found]
            create_company,
            get_company,
        )
        from trytond.modules.currency.tests.tools import (  # type: ignore[import-not-found]
            get_currency,
        )

        self.countries = dict(
            zip(
                (row[0] for row in COUNTRIES),
                self._create(
                    "country.country",
                    [
                        {"code": code, "code3": code3, "code_numeric": number, "name": name}
                        for code, code3, number, name, _ in COUNTRIES
                    ],
                ),
                strict=True,
            )
        )
        self.currency = get_currency("EUR").id
        self._call("currency.currency", "write", [self.currency], {"numeric_code": "978"})
        party = Model.get("party.party")(name="Headrace Drives GmbH", code="OWN")
        party.save()
        create_company(party=party, currency=Model.get("currency.currency")(self.currency))
        company = get_company()
        self.company = company.id
        create_chart(company)
        year = create_fiscalyear(company, self.until)
        set_fiscalyear_invoice_sequences(year).save()
        year.click("create_period")
        tax = create_tax(Decimal("0.19"), company)
        tax.save()
        self.tax = tax.id
        accounts = get_accounts(company)
        (self.category,) = self._create(
            "product.category",
            [
                {
                    "name": "Goods and services",
                    "accounting": True,
                    "account_revenue": accounts["revenue"].id,
                    "account_expense": accounts["expense"].id,
                    "customer_taxes": [("add", [self.tax])],
                }
            ],
        )
        (self.term,) = self._create(
            "account.invoice.payment_term",
            [
                {
                    "name": "30 days",
                    "lines": [
                        (
                            "create",
                            [
                                {
                                    "type": "remainder",
                                    "relativedeltas": [("create", [{"days": 30}])],
                                }
                            ],
                        )
                    ],
                }
            ],
        )
        (employee_party,) = self._create("party.party", [{"name": "Ines Keller", "code": "EMP1"}])
        (self.employee,) = self._create(
            "company.employee", [{"party": employee_party, "company": self.company}]
        )
        # Confirmed orders wait a day before they are processed, so that one can still stop them.
        self._call("sale.configuration", "write", [1], {"sale_process_after": timedelta(days=1)})

    def _gateway_user(self) -> None:
        """The user the gateway signs in as: no administrator, the groups of its work only."""
        if not self.sizes.password_file:
            return
        data = self.tryton.get_proxy("ir.model.data")
        groups = [data.get_id(module, name, {}) for module, name in GATEWAY_GROUPS]
        password = Path(self.sizes.password_file).read_text(encoding="utf-8").strip()
        self._create(
            "res.user",
            [
                {
                    "login": self.sizes.user,
                    "name": "Headrace gateway",
                    "password": password,
                    "companies": [("add", [self.company])],
                    "company": self.company,
                    "groups": [("add", groups)],
                }
            ],
        )

    def _products(self) -> list[tuple[int, Decimal, int, str]]:
        """(product, list price, unit, name) of each."""
        data = self.tryton.get_proxy("ir.model.data")
        unit, hour = (data.get_id("product", name, {}) for name in ("uom_unit", "uom_hour"))
        templates = self._create(
            "product.template",
            [
                {
                    "name": name,
                    "code": code,
                    "type": "service" if code.startswith("SVC") else "goods",
                    "default_uom": hour if code.startswith("SVC") else unit,
                    "sale_uom": hour if code.startswith("SVC") else unit,
                    "salable": True,
                    "list_price": Decimal(price),
                    "account_category": self.category,
                    "products": [("create", [{}])],
                }
                for name, code, price in PRODUCTS
            ],
        )
        rows = self._call("product.template", "read", templates, ["products", "default_uom"])
        products = {row["id"]: row for row in rows}
        return [
            (products[id]["products"][0], Decimal(price), products[id]["default_uom"], name)
            for id, (name, _, price) in zip(templates, PRODUCTS, strict=True)
        ]

    def _parties(self) -> list[dict[str, Any]]:
        categories = self._create("party.category", [{"name": name} for name in SEGMENTS])
        langs = {
            row["code"]: row["id"]
            for row in self._call(
                "ir.lang",
                "search_read",
                [("code", "in", ["de", "en", "fr"])],
                0,
                None,
                None,
                ["code"],
            )
        }
        rows = [
            self._party(number, categories, langs) for number in range(1, self.sizes.parties + 1)
        ]
        ids = self._create("party.party", rows)
        made = self._call("party.party", "read", ids, ["addresses", "contact_mechanisms"])
        return sorted(made, key=lambda row: int(row["id"]))

    def _party(self, number: int, categories: list[int], langs: dict[str, int]) -> dict[str, Any]:
        dice = self.dice
        code, _, _, _, cities = dice.choices(COUNTRIES, COUNTRY_WEIGHTS)[0]
        person = dice.random() < 0.18
        if person:
            name = f"{dice.choice(FIRST)} {dice.choice(LAST)}"
        else:
            name = f"{dice.choice(PLACES)} {dice.choice(TRADES)} {dice.choice(LEGAL_FORMS[code])}"
        host = "".join(letter for letter in name.split()[0].lower() if "a" <= letter <= "z")
        mechanisms = [{"type": "email", "value": f"office{number}@{host or 'firma'}.example"}]
        if dice.random() < 0.6:
            mechanisms.append(
                {"type": "website", "value": f"https://www.{host or 'firma'}.example"}
            )
        if dice.random() < 0.25:
            mechanisms.append({"type": "other", "value": f"EDI {dice.randrange(10**6):06d}"})
        row: dict[str, Any] = {
            "name": name,
            "code": f"C{number:04d}",
            "active": dice.random() > 0.04,
            "addresses": [("create", self._addresses(code, cities))],
            "contact_mechanisms": [("create", mechanisms)],
            "categories": [("add", [dice.choice(categories)])],
            "customer_payment_term": self.term,
        }
        if dice.random() < 0.8:
            row["lang"] = langs[
                "fr" if code == "FR" else "de" if code in {"DE", "AT", "CH"} else "en"
            ]
        vat = None if person else _vat_number(code, dice)
        if vat and dice.random() < 0.85:
            row["identifiers"] = [("create", [{"type": "eu_vat", "code": vat}])]
        return row

    def _addresses(self, country: str, cities: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        count = 2 if self.dice.random() < 0.2 else 1
        made = []
        for index in range(count):
            city, postal_code = self.dice.choice(cities)
            made.append(
                {
                    "street_unstructured": f"{self.dice.choice(STREETS)} {self.dice.randrange(1, 99)}",
                    "postal_code": postal_code,
                    "city": city,
                    "country": self.countries[country],
                    "invoice": index == 0,
                    "delivery": index == count - 1,
                }
            )
        return made

    def _drawn(self, weighted: Sequence[tuple[str, int]]) -> str:
        names = [name for name, _ in weighted]
        return self.dice.choices(names, [weight for _, weight in weighted])[0]

    def _day(self, days_back: int) -> date:
        return self.until - timedelta(days=self.dice.randrange(days_back))

    def _lines(self, products: Sequence[tuple[int, Decimal, int, str]]) -> list[dict[str, Any]]:
        lines = []
        for product, price, unit, name in self.dice.sample(
            products, self.dice.choice((1, 1, 2, 2, 3, 4))
        ):
            discount = Decimal(self.dice.choice(("1", "1", "1", "0.95", "0.9")))
            lines.append(
                {
                    "type": "line",
                    "product": product,
                    "description": name,
                    "quantity": float(self.dice.choice((1, 1, 2, 3, 4, 5, 10, 12, 25))),
                    "unit": unit,
                    "unit_price": (price * discount).quantize(Decimal("0.0001")),
                    "taxes": [("add", [self.tax])],
                }
            )
        return lines

    def _sales(self, parties: list[dict[str, Any]], products: Sequence[Any]) -> int:
        # Some customers buy often, most rarely: what a model is to find out.
        weights = [self.dice.paretovariate(1.2) for _ in parties]
        rows, states = [], []
        for number in range(1, self.sizes.sales + 1):
            party = self.dice.choices(parties, weights)[0]
            day = self._day(720)
            rows.append(
                {
                    "company": self.company,
                    "currency": self.currency,
                    "party": party["id"],
                    "invoice_address": party["addresses"][0],
                    "shipment_address": party["addresses"][-1],
                    "payment_term": self.term,
                    "reference": f"PO-{day:%y%m}-{number:04d}",
                    "quotation_date": day,
                    "sale_date": day + timedelta(days=self.dice.randrange(1, 20)),
                    "lines": [("create", self._lines(products))],
                }
            )
            states.append(self._drawn(SALE_STATES))
        ids = self._create("sale.sale", rows)
        by_state: dict[str, list[int]] = {}
        for id, state in zip(ids, states, strict=True):
            by_state.setdefault(state, []).append(id)
        quoted = sorted(
            set(ids) - set(by_state.get("draft", ())) - set(by_state.get("cancelled", ()))
        )
        confirmed = sorted(set(quoted) - set(by_state.get("quotation", ())))
        for method, chosen in (
            ("quote", quoted),
            ("confirm", confirmed),
            ("process", by_state.get("processing", [])),
            ("cancel", by_state.get("cancelled", [])),
        ):
            for batch in _batches(chosen):
                self._call("sale.sale", method, list(batch))
        for batch in _batches(by_state.get("done", [])):
            self.tryton.get_proxy("sale.sale").write(
                list(batch), {"state": "done"}, self._import_context
            )
        return len(ids)

    def _opportunities(self, parties: list[dict[str, Any]], products: Sequence[Any]) -> int:
        rows = []
        for _ in range(self.sizes.opportunities):
            party = self.dice.choice(parties)
            day = self._day(400)
            state = self._drawn(LEAD_STATES)
            closed = state in {"won", "lost", "cancelled"}
            product, _, unit, name = self.dice.choice(products)
            bare = state == "lead" and self.dice.random() < 0.2
            rows.append(
                {
                    "company": self.company,
                    "currency": self.currency,
                    # A lead may be a name on a card: nobody is in the books yet.
                    "party": None if bare else party["id"],
                    "address": None if bare else party["addresses"][0],
                    "contact": None if bare else party["contact_mechanisms"][0],
                    "employee": None if bare else self.employee,
                    "description": f"{name} for {self.dice.choice(TRADES)}",
                    "amount": None if bare else Decimal(self.dice.randrange(8, 900) * 100),
                    "conversion_probability": round(self.dice.uniform(0.05, 0.95), 2),
                    "start_date": day,
                    "end_date": day + timedelta(days=self.dice.randrange(7, 120)) if closed else None,
                    "lost_reason": self.dice.choice(LOST_REASONS) if state == "lost" else None,
                    "state": state,
                    "lines": [
                        ("create", [{"product": product, "unit": unit,
                                     "quantity": float(self.dice.randrange(1, 30))}])
                    ] if not bare else [],
                }
            )  # fmt: skip
        return len(self._create("sale.opportunity", rows))


def _vat_number(country: str, dice: random.Random) -> str | None:
    """A VAT number with right check digits, for the countries whose sum we know."""
    from stdnum import luhn  # type: ignore[import-not-found]
    from stdnum.at import uid  # type: ignore[import-not-found]
    from stdnum.iso7064 import mod_11_10  # type: ignore[import-not-found]

    digits = "".join(str(dice.randrange(10)) for _ in range(7))
    match country:
        case "DE":
            number = f"{dice.randrange(1, 10)}{digits}"
            return f"DE{number}{mod_11_10.calc_check_digit(number)}"
        case "AT":
            return f"ATU{digits}{uid.calc_check_digit(f'U{digits}')}"
        case "FR":
            siren = f"{dice.randrange(3, 9)}{digits}"
            siren += luhn.calc_check_digit(siren)
            return f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}"
        case "IT":
            number = f"{digits}001"
            return f"IT{number}{luhn.calc_check_digit(number)}"
        case _:
            return None


if __name__ == "__main__":
    os.environ.setdefault("TRYTOND_LOGGING_LEVEL", "40")
    raise SystemExit(main())
