"""Step 5: rows that break the contract arrive among good ones; they are understood, mended, replayed."""

from __future__ import annotations

import json
from typing import Any

from gateway.demo.tale import Tale

GOOD, DOLLARS, CREDIT = 6, 4, 1
MENDS = {
    "currency: currency\n": "currency: {from: currency, as: lookup, with: "
    "{table: {USD: USD, US$: USD}}}\n",
    "cheque: cheque}": "cheque: cheque, store credit: wallet}",
}
"""What a person who understood the letters changes in the mapping."""


async def tell(tale: Tale) -> None:
    good, bad = await _arrive(tale)
    letters = await tale.until(
        tale.gateway.letters,
        lambda found: len(found) >= len(bad),
        waiting_for="until the broken rows are dead letters",
    )
    tale.figures.dead_letters += len(letters)
    about = await _understood(tale, letters)
    tale.check(
        about == set(bad),
        f"{len(letters)} of {len(good) + len(bad)} rows are dead letters, each broken one and no other",
        f"the dead letters are about {sorted(about)}, the broken rows are {sorted(bad)}",
    )
    await _flowed(tale, good)
    overtaken = bad[0]
    await tale.world.shop.run("UPDATE payments SET currency = 'USD' WHERE id = $1", int(overtaken))
    await _flowed(tale, [overtaken])
    tale.screen.line(f"the shop corrects payment {overtaken} itself: newer than its dead letter")
    await _mended(tale)
    forecast = await tale.gateway.command("dlq", "replay", "--source", "shop", "--dry-run")
    tale.screen.line(
        f"dlq replay --dry-run: {forecast['resolved']} would be resolved, "
        f"{forecast['superseded']} superseded, {forecast['failed']} would fail again"
    )
    report = await tale.gateway.command("dlq", "replay", "--source", "shop")
    same = ("letters", "resolved", "superseded", "failed")
    tale.check(
        [forecast[name] for name in same] == [report[name] for name in same]
        and (report["resolved"], report["superseded"]) == (len(bad) - 1, 1),
        f"dlq replay: {report['resolved']} resolved, {report['superseded']} superseded, as forecast",
        f"forecast {forecast}, but the replay did {report}",
    )
    tale.figures.resolved += report["resolved"]
    tale.figures.superseded += report["superseded"]
    await _flowed(tale, bad[1:])
    tale.check(not await tale.gateway.letters(), "no dead letter is open any more")
    await tale.quiet()


async def _arrive(tale: Tale) -> tuple[list[str], list[str]]:
    """Insert good and broken rows in one transaction; their keys."""
    start = int((await tale.world.shop.row("SELECT max(id) AS id FROM payments"))["id"]) + 1
    rows = (
        [("USD", "card")] * GOOD + [("US$", "card")] * DOLLARS + [("USD", "store credit")] * CREDIT
    )
    # Broken ones in the middle of a page, as they come in life.
    rows = rows[::2] + rows[1::2]
    await tale.world.shop.run(
        "INSERT INTO payments (id, customer_id, amount, currency, method, paid_at, items, "
        "purchases_before, days_since_previous, spent_before) "
        "SELECT id, (SELECT min(id) FROM accounts), 20, currency, method, now(), 1, 0, NULL, 0 "
        "FROM unnest($1::bigint[], $2::text[], $3::text[]) AS t(id, currency, method)",
        list(range(start, start + len(rows))),
        [currency for currency, _ in rows],
        [method for _, method in rows],
    )
    tale.screen.line(f"{len(rows)} payments arrive at once, {DOLLARS + CREDIT} of them broken")
    good = [str(start + at) for at, row in enumerate(rows) if row == ("USD", "card")]
    dollars = [str(start + at) for at, (currency, _) in enumerate(rows) if currency == "US$"]
    credit = [str(start + at) for at, (_, method) in enumerate(rows) if method == "store credit"]
    return good, dollars + credit


async def _understood(tale: Tale, letters: list[dict[str, Any]]) -> set[str]:
    """Each letter must say the field, what was there and what was expected, and hold the row.
    Returns the keys of the rows."""
    shown = set()
    keys = set()
    for each in letters:
        raw = (await tale.gateway.get(f"/v1/deadletters/{each['id']}"))["raw"]
        row = json.loads(raw["text"])
        keys.add(each["key"])
        field, there, expected = (
            ("currency", row["currency"], "ISO 4217")
            if row["currency"] != "USD"
            else ("method", row["method"], "card")
        )
        if each["fingerprint"] not in shown:
            shown.add(each["fingerprint"])
            tale.screen.quote(f"{each['code']}: {each['detail']}")
        if not all(part in each["detail"] for part in (field, there, expected)):
            tale.check(False, f"the dead letter of payment {each['key']} explains itself: {each}")
    tale.screen.good(
        "each names the field, what was there and what was expected, and keeps the row"
    )
    return keys


async def _mended(tale: Tale) -> None:
    file = tale.gateway.folder / "mappings" / "payment.yaml"
    text = file.read_text()
    for before, after in MENDS.items():
        if before not in text:
            tale.check(False, f"the mapping has a line to mend: {before}")
        text = text.replace(before, after)
    file.write_text(text)
    report = await tale.gateway.command("apply")
    for change in report["changes"]:
        tale.screen.quote(f"{change['place']}: {change['kind']}")
    tale.check(
        bool(report["changes"]) and not report["restart_needed"],
        "the mapping is mended and taken in by `headrace apply`, between two pages",
        f"apply said {report}",
    )


async def _flowed(tale: Tale, keys: list[str]) -> None:
    """Wait until every one of these payments has a prediction."""

    async def missing() -> set[str]:
        end = (await tale.gateway.status())["log_end"]
        found = await tale.gateway.records(max(0, end - 2_000), "prediction.churn-payment.v1")
        return set(keys) - {each["subject"] for each in found}

    await tale.until(
        missing, lambda left: not left, waiting_for=f"until {len(keys)} payments are predictions"
    )
