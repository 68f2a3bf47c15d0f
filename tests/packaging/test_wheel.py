"""What `pip install headrace` brings works outside the checkout, beside packages of the same names."""

from __future__ import annotations

import json
import re
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import headrace

CHECKOUT = Path(headrace.__file__).parent


@pytest.fixture(scope="session")
def succeed(run):
    def succeed(command, cwd):
        done = run(command, cwd)
        assert done.returncode == 0, f"{command} said\n{done.stdout}\n{done.stderr}"
        return done.stdout

    return succeed


@pytest.fixture(scope="module")
def wheel(succeed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    succeed([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], CHECKOUT)
    (found,) = folder.glob("headrace-*.whl")
    return found


@pytest.fixture(scope="module")
def environment(succeed, wheel, tmp_path_factory):
    """A fresh environment with the wheel and what it depends on, no extras, in the lock's versions."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pinned = re.findall(
        r"^([\w.-]+==[^ \\]+(?: ; [^\\]+)?)",
        (CHECKOUT / "requirements.lock").read_text(),
        re.MULTILINE,
    )
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pinned))
    install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input"]
    succeed([*install, "--constraint", constraints, wheel], folder)
    return folder


@pytest.mark.slow
def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    shipped = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(CHECKOUT))
        for name in headrace.PACKAGES
        for path in (CHECKOUT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= shipped, sorted(wanted - shipped)
    tops = {name.partition("/")[0] for name in shipped}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        *headrace.PACKAGES,
        "headrace.py",
    }


@pytest.mark.slow
@pytest.mark.parametrize("door", ["script", "module"])
def test_a_first_project_runs_outside_the_checkout(succeed, door, environment, strange_folder):
    project = strange_folder
    binaries = environment / "bin"
    command = {
        "script": [binaries / "headrace"],
        "module": [binaries / "python", "-m", "headrace"],
    }[door]
    succeed([*command, "init"], project)
    sample = set(project.rglob("*.jsonl"))
    rows = [line for file in sample for line in file.read_text().splitlines()]

    succeed([*command, "check"], project)
    said = json.loads(succeed([*command, "run", "--once", "--json"], project))
    assert said, "the run said nothing"

    (out,) = set(project.rglob("*.jsonl")) - sample
    records = [json.loads(line) for line in out.read_text().splitlines()]
    letters = json.loads(succeed([*command, "dlq", "list", "--json"], project))["letters"]
    assert len(records) > len(letters) > 0, "the sample has good rows, and some that are not"
    assert len(records) + len(letters) == len(rows)
    assert {record["contract"] for record in records} == {"customer.v1"}
    refused = {int(letter["position"].rpartition("/")[2]) for letter in letters}
    good = [json.loads(row) for index, row in enumerate(rows) if index not in refused]
    assert [record["key"] for record in records] == [str(row["number"]) for row in good]

    # A second run finds nothing new: the cursor was committed with the records.
    succeed([*command, "run", "--once"], project)
    assert len(out.read_text().splitlines()) == len(records)


@pytest.mark.slow
def test_extras_are_not_needed(succeed, environment):
    listed = succeed([environment / "bin" / "python", "-m", "pip", "list", "--format=json"], "/")
    installed = {package["name"].lower() for package in json.loads(listed)}
    assert not installed & {"aiokafka", "asyncpg", "pytest"}
