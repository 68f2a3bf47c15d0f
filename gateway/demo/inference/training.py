"""Train the churn models on real purchases, judge them on customers they have not seen.

The data are the 69,659 purchases of the 23,570 people who first bought from the CD shop CDNOW in
the first quarter of 1997, followed to the end of June 1998; the package `lifetimes` ships them
(`CDNOW_master.txt`: customer, date, number of CDs, US dollars). The question, asked at each
purchase: will this customer stay away for the next 90 days?

Two models answer it: `churn-payment` knows the customer's history as the ledger has it,
`churn-order` only what the order itself says. Every fifth customer is held out of training; the
demo's own customers are taken from these, so the served models have never seen them.

Run as `python training.py PURCHASES OUT [CUSTOMERS]`. Writes `OUT/<model>.joblib`,
`OUT/evaluation.json`, `OUT/features.json` and
`OUT/purchases.jsonl`.
"""

import json
import sys
from pathlib import Path

import joblib  # type: ignore[import-not-found,import-untyped,unused-ignore]
import numpy as np  # type: ignore[import-not-found,unused-ignore]
import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
from sklearn.ensemble import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    HistGradientBoostingClassifier,
)
from sklearn.metrics import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    accuracy_score,
    brier_score_loss,
    roc_auc_score,
)

HORIZON_DAYS = 90
OBSERVED_UNTIL = pd.Timestamp("1998-06-30")
HELD_OUT = 5
FEATURES = {
    "churn-payment": ["items", "amount", "purchases_before", "days_since_previous", "spent_before"],
    "churn-order": ["items", "amount"],
}

ADVICE = (
    (0.66, "will probably not buy again within 90 days"),
    (0.33, "may or may not buy again within 90 days"),
    (0.0, "will probably buy again within 90 days"),
)
"""From which score on a person is told what."""


def purchases(path: Path) -> pd.DataFrame:
    """One row a customer and day, with the history as it was known on that day."""
    rows = pd.read_csv(path, sep=r"\s+", skiprows=1, names=["customer", "date", "items", "amount"])
    rows["date"] = pd.to_datetime(rows.date.astype(str), format="%Y%m%d")
    rows = rows.groupby(["customer", "date"], as_index=False).sum()
    rows = rows.sort_values(["customer", "date"])
    history = rows.groupby("customer")
    rows["purchases_before"] = history.cumcount()
    rows["days_since_previous"] = (rows.date - history.date.shift()).dt.days.fillna(-1)
    rows["spent_before"] = (history.amount.cumsum() - rows.amount).round(2)
    rows["days_to_next"] = (history.date.shift(-1) - rows.date).dt.days
    return rows


def evaluated(rows: pd.DataFrame, features: list[str]) -> tuple[object, dict[str, float]]:
    """A model fitted on the training customers, and what it is worth on the others."""
    known = rows[rows.date <= OBSERVED_UNTIL - pd.Timedelta(days=HORIZON_DAYS)]
    churned = ~(known.days_to_next <= HORIZON_DAYS)
    unseen = known.customer % HELD_OUT == 0
    model = HistGradientBoostingClassifier(
        max_depth=4, learning_rate=0.08, max_iter=150, random_state=0
    )
    model.fit(known[~unseen][features].to_numpy(dtype=float), churned[~unseen])
    truth = churned[unseen]
    scores = model.predict_proba(known[unseen][features].to_numpy(dtype=float))[:, 1]
    rate = churned[~unseen].mean()
    return model, {
        "trained_on": int((~unseen).sum()),
        "unseen": int(unseen.sum()),
        "accuracy": float(accuracy_score(truth, scores > 0.5)),
        "base_accuracy": float(max(truth.mean(), 1 - truth.mean())),
        "brier": float(brier_score_loss(truth, scores)),
        "base_brier": float(brier_score_loss(truth, np.full(len(truth), rate))),
        "auc": float(roc_auc_score(truth, scores)),
    }


def main(source: Path, out: Path, customers: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rows = purchases(source)
    evaluation = {}
    for name, features in FEATURES.items():
        model, evaluation[name] = evaluated(rows, features)
        stored = {"model": model, "features": features, "advice": ADVICE}
        joblib.dump(stored, out / f"{name}.joblib")
    held_out = rows[rows.customer % HELD_OUT == 0]
    chosen = held_out[held_out.customer.isin(held_out.customer.unique()[:customers])]
    chosen = chosen.drop(columns="days_to_next").assign(date=chosen.date.dt.strftime("%Y-%m-%d"))
    chosen.to_json(out / "purchases.jsonl", orient="records", lines=True)
    (out / "features.json").write_text(json.dumps(FEATURES))
    (out / "evaluation.json").write_text(json.dumps(evaluation, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1_500)
