"""Every verb with `--json`, on a project in process: one document, the documented exit code."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.projects import ROWS, headrace, spawned


def test_check_says_what_was_found_and_what_a_run_will_do(project: Path):
    ran = headrace("check", "--json", cwd=project)
    assert ran.code == 0
    assert ran.json["ok"] is True
    assert {step["verb"] for step in ran.json["plan"]} == {"read", "send"}
    assert "crm/customers from the beginning" in ran.json["plan"][0]["sentence"]
    people = headrace("check", cwd=project)
    assert "✓ source crm lines: can be read" in people.out
    assert "send  customer.v1 to out (lines)" in people.out
    assert not (project / ".headrace/headrace.db").exists()


def test_check_finds_a_source_that_is_down(project: Path):
    (project / "customers.jsonl").unlink()
    ran = headrace("check", "--json", cwd=project)
    assert ran.code == 1
    [bad] = [each for each in ran.json["checks"] if not each["ok"]]
    assert bad["subject"] == "source crm lines"
    assert "Make it." in bad["detail"]
    assert headrace("check", "--offline", cwd=project).code == 0


def test_check_finds_a_damaged_store(worked: Path):
    (worked / ".headrace/headrace.db").write_bytes(b"not a database at all" * 1000)
    ran = headrace("check", "--offline", "--json", cwd=worked)
    assert ran.code == 1
    [bad] = [each for each in ran.json["checks"] if not each["ok"]]
    assert "cannot be read" in bad["detail"]


def test_preview_shows_records_and_letters_and_writes_nothing(project: Path):
    ran = headrace("preview", "crm/customers", "--json", cwd=project)
    assert ran.code == 1
    assert [each["data"]["name"] for each in ran.json["records"]] == ["Ann", "Cem"]
    [letter] = ran.json["letters"]
    assert "`name`" in letter["detail"]
    assert json.loads(letter["row"]) == ROWS[1]
    assert headrace("preview", "crm/customers", "-n", "1", "--json", cwd=project).json["read"] == 1
    assert not (project / ".headrace/headrace.db").exists()
    assert not (project / "out.jsonl").exists()


def test_discover_lists_streams_and_columns(project: Path):
    ran = headrace("discover", "crm", "--json", cwd=project)
    assert ran.code == 0
    assert [each["name"] for each in ran.json["streams"]] == ["customers"]
    ran = headrace("discover", "crm", "customers", "--json", cwd=project)
    assert ran.json["streams"][0]["fields"][0]["name"] == "id"


def test_run_once_reads_delivers_and_ends(project: Path):
    ran = headrace("run", "--once", "--json", cwd=project)
    assert ran.code == 0, ran
    assert ran.json["settled"] is True
    tally = ran.json["status"]["streams"][0]["tally"]
    assert (tally["read"], tally["appended"], tally["letters"]) == (3, 2, 1)
    assert len((project / "out.jsonl").read_text().splitlines()) == 2
    for line in ran.err.splitlines():
        assert {"at", "level", "event"} <= json.loads(line).keys()
    again = headrace("run", "--once", "--json", cwd=project)
    assert again.json["status"]["streams"][0]["tally"]["read"] == 3
    assert len((project / "out.jsonl").read_text().splitlines()) == 2


def test_run_once_says_what_it_could_not_finish(project: Path):
    (project / "customers.jsonl").unlink()
    ran = headrace("run", "--once", "--json", cwd=project)
    assert ran.code == 4
    assert ran.json["settled"] is False
    assert ran.json["unsettled"][0]["place"] == "crm/customers"


def test_status_is_the_same_document_as_over_http(worked: Path):
    ran = headrace("status", "--json", cwd=worked)
    assert ran.code == 0
    assert ran.json["started_at"] is None
    assert ran.json["log_end"] == 2
    assert ran.json["letters"]["open"] == 1
    assert "dead letters: 1 open" in headrace("status", cwd=worked).out


def test_a_letter_is_found_shown_mended_and_replayed(worked: Path):
    listed = headrace("dlq", "list", "--json", cwd=worked).json
    [letter] = listed["letters"]
    shown = headrace("dlq", "show", letter["id"], "--json", cwd=worked).json
    assert json.loads(shown["raw"]["text"]) == ROWS[1]
    raw = headrace("dlq", "show", letter["id"], "--raw", cwd=worked)
    assert json.loads(raw.out) == ROWS[1]
    [group] = headrace("dlq", "list", "--group", "--json", cwd=worked).json["groups"]
    assert group["count"] == 1

    mapping = worked / "mapping.yaml"
    mapping.write_text(
        mapping.read_text().replace(
            "name: name", "name: {from: name, as: default, with: {value: unknown}}"
        )
    )
    forecast = headrace("dlq", "replay", "--all", "--dry-run", "--json", cwd=worked).json
    assert (forecast["dry_run"], forecast["resolved"], forecast["failed"]) == (True, 1, 0)
    ran = headrace("dlq", "replay", letter["id"], "--json", cwd=worked)
    assert (ran.code, ran.json["resolved"]) == (0, 1), ran
    assert headrace("dlq", "list", "--json", cwd=worked).json["total"] == 0
    headrace("run", "--once", cwd=worked)
    assert '"unknown"' in (worked / "out.jsonl").read_text()


def test_a_replay_that_fails_again_is_exit_code_one(worked: Path):
    ran = headrace("dlq", "replay", "--all", "--json", cwd=worked)
    assert (ran.code, ran.json["failed"]) == (1, 1)


def test_letters_are_discarded_with_a_reason(worked: Path):
    assert headrace("dlq", "discard", "--all", "--json", cwd=worked).code == 2
    ran = headrace("dlq", "discard", "--all", "--reason", "a test row", "--json", cwd=worked)
    assert (ran.code, ran.json["discarded"]) == (0, 1)
    [letter] = headrace("dlq", "list", "--state", "any", "--json", cwd=worked).json["letters"]
    assert letter["state"] == "discarded"
    assert "a test row" in letter["resolution"]


def test_nothing_is_replayed_unless_it_is_named(worked: Path):
    ran = headrace("dlq", "replay", "--json", cwd=worked)
    assert ran.code == 2
    assert "--all" in ran.json["error"]["mend"]


def test_a_cursor_is_shown_and_moved_and_a_stream_read_again(worked: Path):
    assert headrace("cursor", "show", "crm/customers", "--json", cwd=worked).json["cursor"] == {
        "line": 3
    }
    ran = headrace("cursor", "set", "crm/customers", '{"line": 2}', "--json", cwd=worked)
    assert (ran.code, ran.json["cursor"]) == (0, {"line": 2})
    headrace("run", "--once", cwd=worked)
    assert headrace("status", "--json", cwd=worked).json["log_end"] == 3
    ran = headrace("backfill", "crm/customers", "--json", cwd=worked)
    assert (ran.code, ran.json["since"]) == (0, None)
    headrace("run", "--once", cwd=worked)
    assert headrace("status", "--json", cwd=worked).json["log_end"] == 5


@pytest.mark.parametrize("cursor", ["{", "3", '"x"', "[1]"])
def test_what_is_no_cursor_is_refused(worked: Path, cursor: str):
    ran = headrace("cursor", "set", "crm/customers", cursor, "--json", cwd=worked)
    assert ran.code == 2
    assert "no cursor" in ran.json["error"]["message"]


def test_apply_and_drift_have_nothing_to_do(worked: Path):
    ran = headrace("apply", "--dry-run", "--json", cwd=worked)
    assert (ran.code, ran.json["changes"]) == (0, [])
    ran = headrace("drift", "list", "--json", cwd=worked)
    assert (ran.code, ran.json["drifts"]) == (0, [])
    for verb in ("show", "propose", "accept"):
        ran = headrace("drift", verb, "none", "--json", cwd=worked)
        assert (ran.code, ran.json["error"]["code"]) == (2, "drift_unknown")


def test_contracts_are_listed_shown_compared_published_and_kept(project: Path):
    (project / "contracts").mkdir()
    visit = project / "contracts/visit.py"
    visit.write_text(
        "from contracts.base import Contract\nfrom contracts.values import SourceId, Text\n\n\n"
        'class VisitV1(Contract, name="visit", version=1, kind="event"):\n'
        '    """A visit."""\n\n    id: SourceId\n    notes: Text | None = None\n'
    )
    listed = headrace("contracts", "list", "--json", cwd=project).json["contracts"]
    assert {"visit.v1": "project", "customer.v1": "shipped"}.items() <= {
        each["ref"]: each["origin"] for each in listed
    }.items()
    shown = headrace("contracts", "show", "visit.v1", "--json", cwd=project).json
    assert shown["properties"].keys() == {"id", "notes"}
    compared = headrace("contracts", "diff", "visit.v1", "customer.v1", "--json", cwd=project).json
    assert {"change": "removed", "field": "notes"}.items() <= next(
        each for each in compared["changes"] if each["field"] == "notes"
    ).items()
    written = headrace("contracts", "export", "--json", cwd=project).json["written"]
    assert [Path(each).name for each in written] == ["visit.v1.json"]
    assert headrace("contracts", "check", "--json", cwd=project).json == {
        "ok": True,
        "differences": [],
    }
    visit.write_text(visit.read_text().replace("notes: Text | None = None", "notes: Text"))
    ran = headrace("contracts", "check", "--json", cwd=project)
    assert (ran.code, ran.json["ok"]) == (1, False)
    assert "must not change" in ran.json["differences"][0]["said"]


def test_connectors_are_listed_with_the_projects_own(project: Path):
    ran = headrace("connectors", "list", "--json", cwd=project)
    assert ran.code == 0
    found = {(each["type"], each["kind"]): each for each in ran.json["connectors"]}
    assert found["lines", "source"]["origin"] == "this project"
    assert found["tryton", "source"]["problem"] is None


def test_a_table_has_room_in_a_pipe(worked: Path):
    out = headrace("dlq", "list", cwd=worked).out
    assert "expected a valid string" in out


def test_a_terminal_without_our_signs_still_tells_right_from_wrong(project: Path):
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    (project / "customers.jsonl").write_text('{"id": "é", "name": "Zoë"}\n{"id": 2}\n')
    out = spawned("preview", "crm/customers", cwd=project, **ascii_only).out
    assert "ok customer.v1 ?" in out
    assert "WRONG contract_violated" in out
    told = spawned("preview", "crm/customers", "--json", cwd=project, **ascii_only)
    assert told.json["records"][0]["data"]["name"] == "Zoë"
