"""What a changed project would swap in, replace, or need a restart for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gateway.config.load import load
from gateway.config.loaded import LoadedProject
from gateway.pipeline.applying import changes, replacement_needed, restart_needed
from gateway.testing import memory_plugins
from tests.unit.pipeline.conftest import Bench

Edit = Callable[[dict[str, Any]], object]


def both(bench: Bench, edit: Edit) -> tuple[LoadedProject, LoadedProject]:
    bench.write()
    before = load(bench.folder, plugins=memory_plugins())
    edit(bench.project)
    bench.write()
    return before, load(bench.folder, plugins=memory_plugins())


def stream(project: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = project["sources"]["crm"]["streams"]["account"]
    return found


@pytest.mark.parametrize(
    ("edit", "place"),
    [
        (lambda p: stream(p).update(every_secs=9), "sources.crm.streams.account.every_secs"),
        (lambda p: stream(p).update(on_flood="letter"), "sources.crm.streams.account.on_flood"),
        (lambda p: p["routes"]["score"].update(when="key == 'a'"), "routes.score.when"),
        (lambda p: p["routes"]["score"].update(retry={}), "routes.score.retry.max_attempts"),
        (lambda p: p.update(limits={"max_depth": 9}), "limits.max_depth"),
    ],
)
def test_these_are_swapped_between_two_pages(bench: Bench, edit: Edit, place: str) -> None:
    before, after = both(bench, edit)
    assert place in {change.place for change in changes(before, after)}
    assert not replacement_needed(before, after)
    assert restart_needed(before, after) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: p["routes"].update(other={"from": "person.v1", "to": "churn"}),
        lambda p: p["routes"].clear(),
        lambda p: p["endpoints"]["churn"].update(max_in_flight=1),
        lambda p: p["sources"]["crm"].update(page_rows=7),
        lambda p: p["sources"]["crm"]["streams"].clear(),
        lambda p: p.update(network={"allow": ["10.0.0.0/8"]}),
    ],
)
def test_these_drain_the_machinery_and_begin_anew(bench: Bench, edit: Edit) -> None:
    before, after = both(bench, edit)
    assert replacement_needed(before, after)
    assert restart_needed(before, after) == []


def test_these_need_another_process(bench: Bench) -> None:
    before, after = both(bench, lambda p: p.update(instance="prod", storage="sqlite:///x.db"))
    assert restart_needed(before, after) == ["instance", "storage"]


def test_a_changed_mapping_is_told_whole(bench: Bench) -> None:
    def rename(_: dict[str, Any]) -> None:
        bench.mapping["fields"]["name"] = "full_name"

    before, after = both(bench, rename)
    (change,) = changes(before, after)
    assert (change.place, change.kind) == ("account.yaml", "mapping")
    assert "name: name" in str(change.before)
    assert "name: full_name" in str(change.after)
    assert not replacement_needed(before, after)


def test_nothing_changed_is_nothing(bench: Bench) -> None:
    before, after = both(bench, lambda _: None)
    assert changes(before, after) == []
    assert not replacement_needed(before, after)
