"""What a replay would lead to, or has led to, told by cause. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from gateway.control import Forecast, ReplayReport
from gateway.types import DeadLetter

End = Literal["resolves", "superseded", "returns", "fails"]


class Verdict(msgspec.Struct, frozen=True):
    """How one letter ends. `returns` goes back into its route, which settles it; `reason` is
    today's failure."""

    letter: DeadLetter
    end: End
    reason: str = ""


def report(verdicts: Iterable[Verdict], *, dry_run: bool) -> ReplayReport:
    """Add the verdicts up, as a whole and by cause, the most frequent cause first."""
    ends: Counter[End] = Counter()
    causes: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        ends[verdict.end] += 1
        causes.setdefault(verdict.letter.fingerprint, []).append(verdict)
    return ReplayReport(
        dry_run=dry_run,
        letters=ends.total(),
        resolved=ends["resolves"],
        superseded=ends["superseded"],
        returned=ends["returns"],
        failed=ends["fails"],
        forecasts=sorted(
            (_forecast(fingerprint, found) for fingerprint, found in causes.items()),
            key=lambda forecast: -forecast.letters,
        ),
    )


def _forecast(fingerprint: str, verdicts: Sequence[Verdict]) -> Forecast:
    ends = Counter(verdict.end for verdict in verdicts)
    first = verdicts[0].letter
    return Forecast(
        fingerprint=fingerprint,
        code=first.code,
        detail=first.detail,
        letters=len(verdicts),
        resolves=ends["resolves"] + ends["returns"],
        superseded=ends["superseded"],
        fails=ends["fails"],
        failures=Counter(verdict.reason for verdict in verdicts if verdict.end == "fails"),
    )
