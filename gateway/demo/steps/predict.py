"""Step 2: the models are asked, their answers are written back, and nothing goes round in circles."""

from __future__ import annotations

from gateway.demo.running import route, stream
from gateway.demo.tale import SCORING, Tale

NOTE = "Churn risk "


async def tell(tale: Tale) -> None:
    for name, each in sorted(tale.world.trained.evaluation.items(), reverse=True):
        tale.check(
            each.beats_base_rate,
            f"{name}: {each.accuracy:.1%} right on {each.unseen:,} purchases of customers it has "
            f"not seen; always saying the likelier: {each.base_accuracy:.1%} (AUC {each.auc:.2f})",
        )
    status = await tale.quiet()
    predictions = await _predictions(tale)
    asked = {"payments": len(await tale.versions("shop/payments")),
             "orders": len(await tale.versions("erp/sale.sale"))}  # fmt: skip
    tale.check(
        predictions == sum(asked.values()),
        f"{predictions:,} predictions: one for each of {asked['payments']:,} payments and "
        f"{asked['orders']:,} orders",
        f"{predictions} predictions for {sum(asked.values())} rows",
    )
    await _written(tale, asked["payments"])
    echoes = stream(status, "shop/accounts")["tally"]["unchanged"]
    # Tryton's and PostgreSQL's pollers look several times within this.
    again = await tale.quiet()
    tale.check(
        await _predictions(tale) == predictions and again["log_end"] == status["log_end"],
        f"no write-back caused another prediction; {echoes:,} accounts came back with our own "
        "score in them and were known as unchanged",
        f"a write-back led to new records: the log went from {status['log_end']} to "
        f"{again['log_end']}",
    )
    tale.check(echoes > 0, "the written-back table is read, too")


async def _written(tale: Tale, payments: int) -> None:
    shop = tale.world.shop
    scores = await shop.row("SELECT count(*) AS rows, avg(churn) AS churn FROM churn_scores")
    tale.check(
        scores["rows"] == payments,
        f"PostgreSQL: {scores['rows']:,} rows in churn_scores, {scores['churn']:.0%} on average",
        f"churn_scores has {scores['rows']} rows for {payments} payments",
    )
    marked = await shop.row(
        "SELECT count(*) AS rows, count(churn) AS marked FROM accounts "
        "WHERE id IN (SELECT customer_id FROM payments)"
    )
    tale.check(
        marked["rows"] == marked["marked"],
        f"PostgreSQL: all {marked['marked']:,} accounts with payments carry their newest score",
        f"{marked['rows'] - marked['marked']} accounts with payments carry no score",
    )
    notes = await tale.world.erp.read(
        "ir.note", ["resource", "message"], [["message", "like", f"{NOTE}%"]]
    )
    parties = {row["party"] for row in await tale.world.erp.read("sale.sale", ["party"])}
    about = {note["resource"] for note in notes}
    tale.check(
        about == {f"party.party,{party}" for party in parties} and len(notes) == len(about),
        f"Tryton: a note at each of the {len(notes):,} parties with orders",
        f"Tryton has {len(notes)} notes about {len(about)} of {len(parties)} parties",
    )
    if notes:
        tale.screen.quote(f"{notes[0]['resource']}: {notes[0]['message']}")


async def _predictions(tale: Tale) -> int:
    status = await tale.gateway.status()
    return sum(route(status, name)["predictions"] for name in SCORING)
