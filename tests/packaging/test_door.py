"""The command opens onto its own packages or not at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import headrace

DOORS = [[str(Path(sys.executable).with_name("headrace"))], [sys.executable, "-m", "headrace"]]


@pytest.mark.parametrize("door", DOORS, ids=["script", "module"])
def test_the_current_folder_does_not_shadow(run, door, strange_folder):
    done = run([*door, "--help"], strange_folder)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize("door", DOORS, ids=["script", "module"])
def test_a_shadowed_package_is_named_in_one_sentence(run, door, strange_folder):
    done = run([*door, "--help"], strange_folder, PYTHONPATH=str(strange_folder))
    assert done.returncode == headrace.EX_CONFIG
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert str(strange_folder / "gateway") in done.stderr
    assert "PYTHONPATH" in done.stderr


def test_the_checkout_itself_may_be_the_current_folder(run):
    home = Path(headrace.__file__).parent
    done = run([sys.executable, "-m", "headrace", "--help"], home)
    assert done.returncode == 0, done.stderr


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(headrace, "PACKAGES", ("gateway", "no_such_package_anywhere"))
    said = headrace._shadow(str(Path(headrace.__file__).parent))
    assert said is not None
    assert "`no_such_package_anywhere` is missing" in said


def test_looking_at_the_door_opens_nothing(run):
    code = "import headrace, sys; print(*{'gateway', 'pydantic', 'typer'} & set(sys.modules))"
    assert run([sys.executable, "-c", code], "/").stdout.strip() == ""
