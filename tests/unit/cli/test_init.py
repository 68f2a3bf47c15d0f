"""A first project, and a first connector: both work as they are written."""

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.cli.projects import ROOT, environment, headrace

BAD = 3
"""Rows of the sample that break the contract or are no JSON."""


def test_a_first_project_is_checked_and_run_as_it_is(tmp_path: Path):
    ran = headrace("init", "shop", "--json", cwd=tmp_path)
    assert ran.code == 0
    assert "headrace.yaml" in ran.json["written"]
    project = tmp_path / "shop"
    rows = (project / "data/customers.jsonl").read_text().splitlines()

    checked = headrace("check", "--json", cwd=project)
    assert (checked.code, checked.json["ok"]) == (0, True), checked
    preview = headrace("preview", "crm/customers", "--json", cwd=project).json
    assert (preview["read"], len(preview["letters"])) == (len(rows), BAD)

    ran = headrace("run", "--once", "--json", cwd=project)
    assert (ran.code, ran.json["settled"]) == (0, True), ran
    out = [json.loads(line) for line in (project / "out/customers.jsonl").read_text().splitlines()]
    assert len(out) == len(rows) - BAD
    groups = headrace("dlq", "list", "--group", "--json", cwd=project).json["groups"]
    assert sum(each["count"] for each in groups) == BAD

    again = headrace("run", "--once", "--json", cwd=project)
    assert again.json["status"]["log_end"] == len(rows) - BAD


def test_what_is_there_is_never_overwritten(tmp_path: Path):
    (tmp_path / "headrace.yaml").write_text("instance: mine\n")
    ran = headrace("init", "--json", cwd=tmp_path)
    assert (ran.code, ran.json["kept"]) == (0, ["headrace.yaml"])
    assert (tmp_path / "headrace.yaml").read_text() == "instance: mine\n"


def test_a_first_connector_passes_its_own_test(tmp_path: Path):
    ran = headrace("connectors", "new", "help_desk", "--json", cwd=tmp_path)
    assert ran.code == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ran.json["written"][1:]],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    again = headrace("connectors", "new", "help_desk", cwd=tmp_path)
    assert again.code == 5
    assert "exists already" in again.err
