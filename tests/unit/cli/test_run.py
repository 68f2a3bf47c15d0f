"""A gateway as a process: held, reached, told to stop, killed."""

import json
import signal
import stat
from pathlib import Path

import pytest

from gateway.cli.exits import CommandError, Exit
from gateway.cli.holder import Note, held, holder, write_note
from tests.unit.cli.projects import headrace, spawned
from tests.unit.cli.running import Gateway, on_a_terminal


def test_verbs_go_to_the_gateway_that_holds_the_project(gateway: Gateway, tmp_path: Path):
    ran = headrace("status", "--json", cwd=gateway.project)
    assert ran.code == 0, ran
    assert ran.json["started_at"] is not None
    assert (
        headrace("status", "--url", gateway.url, "--json", cwd=tmp_path).json["instance"]
        == "default"
    )
    checked = headrace("check", "--json", cwd=gateway.project).json["checks"]
    assert any("in use by the running gateway" in each["detail"] for each in checked)


def test_a_second_gateway_is_exit_code_five_and_the_first_goes_on(gateway: Gateway):
    ran = spawned("run", "--once", cwd=gateway.project)
    assert ran.code == 5, ran
    assert f"held by process {gateway.process.pid}" in ran.err
    assert gateway.process.poll() is None


def test_sigterm_drains_and_leaves_nothing_behind(gateway: Gateway):
    note = gateway.project / ".headrace/gateway.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    code, out, err = gateway.stop(signal.SIGTERM)
    assert (code, out) == (0, "")
    codes = [json.loads(line)["event"] for line in err.splitlines()]
    assert codes[-2:] == ["gateway_draining", "gateway_stopped"]
    assert not note.exists()
    assert (gateway.note or {}).get("token") is None


def test_ctrl_c_drains_likewise_and_says_it_was_interrupted(gateway: Gateway):
    code, _, err = gateway.stop(signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err


def test_after_kill_nine_the_store_is_free_and_goes_on(project: Path):
    with Gateway(project) as running:
        running.process.kill()
        running.process.wait()
        assert running.note is not None
    assert holder(project / ".headrace") is None
    ran = headrace("run", "--once", "--json", cwd=project)
    assert ran.code == 0
    assert ran.json["status"]["log_end"] == 2


def test_on_a_terminal_it_shows_where_everything_stands(project: Path):
    shown = on_a_terminal("run", cwd=project, until="2 delivered")
    assert "console http://127.0.0.1:" in shown
    assert "1 dead letter" in shown
    assert "Traceback" not in shown


def test_with_keys_the_local_command_line_needs_none_and_a_stranger_one(project: Path):
    file = project / "headrace.yaml"
    file.write_text(
        file.read_text().replace(
            "api: {port: 0}",
            'api: {port: 0, keys: [{name: ops, key: "${env:OPS_KEY}", role: viewer}]}',
        )
    )
    key = {"OPS_KEY": "0123456789abcdef0123456789"}
    with Gateway(project, **key) as gateway:
        assert headrace("status", cwd=project, **key).code == 0
        away = project.parent
        ran = headrace("status", "--url", gateway.url, cwd=away)
        assert ran.code == 4
        assert "--key-env" in ran.err
        given = ("--url", gateway.url, "--key-env", "OPS_KEY")
        assert headrace("status", *given, cwd=away, **key).code == 0
        ran = headrace("dlq", "replay", "--all", *given, cwd=away, **key)
        assert ran.code == 4
        assert "may look but not change" in ran.err


def test_what_answers_but_is_no_gateway_is_said(gateway: Gateway, tmp_path: Path):
    ran = headrace("status", "--url", f"{gateway.url}/no/such/place", cwd=tmp_path)
    assert ran.code in (2, 4), ran
    assert ran.err


def test_a_store_is_held_by_one_at_a_time(tmp_path: Path):
    with held(tmp_path):
        write_note(tmp_path, Note(1234, "http://127.0.0.1:1", "the token"))
        assert holder(tmp_path) == Note(1234, "http://127.0.0.1:1", "the token")
        assert "the token" not in repr(holder(tmp_path))
        with pytest.raises(CommandError, match="held by process 1234") as caught, held(tmp_path):
            pass
        assert caught.value.exit_code is Exit.CONFLICT
    assert holder(tmp_path) is None
    with held(tmp_path):
        pass


def test_a_note_that_cannot_be_read_is_still_a_holder(tmp_path: Path):
    with held(tmp_path):
        (tmp_path / "gateway.json").write_text("{")
        assert holder(tmp_path) == Note(0, None, None)
