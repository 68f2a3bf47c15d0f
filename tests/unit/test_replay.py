"""What a replay leads to, added up."""

from __future__ import annotations

from gateway.replay import Verdict, report
from tests.unit.nouns import raw_letter, sent_letter


def test_verdicts_add_up_as_a_whole_and_by_cause() -> None:
    told = report(
        [
            Verdict(sent_letter("L1"), "returns"),
            Verdict(raw_letter("L2"), "resolves"),
            Verdict(raw_letter("L3"), "superseded"),
            Verdict(raw_letter("L4"), "fails", "`age`: there was 'x'"),
            Verdict(raw_letter("L5"), "fails", "`age`: there was 'x'"),
        ],
        dry_run=True,
    )
    assert told.dry_run
    assert (told.letters, told.resolved, told.superseded, told.returned, told.failed) == (
        5, 1, 1, 1, 2,
    )  # fmt: skip
    first, second = told.forecasts
    assert (first.code, first.letters, first.resolves, first.fails) == (
        "contract_violated",
        4,
        1,
        2,
    )
    assert first.failures == {"`age`: there was 'x'": 2}
    # What goes back into its route may still fail there; as far as it can be known, it resolves.
    assert (second.code, second.resolves) == ("refused", 1)


def test_nothing_to_replay_is_a_report_of_zeros() -> None:
    told = report([], dry_run=False)
    assert (told.letters, list(told.forecasts)) == (0, [])
