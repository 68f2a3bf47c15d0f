"""The locks hold what the project asks for: names, versions and hashes, and nothing else."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import headrace

CHECKOUT = Path(headrace.__file__).parent
LOCKS = {"requirements.lock": ("kafka", "postgresql"), "requirements-dev.lock": ("dev",)}


def locked(name):
    text = (CHECKOUT / name).read_text()
    return [Requirement(line) for line in re.findall(r"^(\w[^\\\n]*?) \\$", text, re.MULTILINE)]


def wanted(extras):
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    found = list(project["dependencies"])
    for extra in extras:
        for line in project["optional-dependencies"][extra]:
            requirement = Requirement(line)
            if requirement.name == "headrace":
                found += wanted(requirement.extras)
            else:
                found.append(line)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_satisfies_the_project(name):
    versions = {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in locked(name)
    }
    for line in wanted(LOCKS[name]):
        asked = Requirement(line)
        version = versions.get(canonicalize_name(asked.name))
        assert version is not None, f"{asked.name} is not in {name}; run `make lock`"
        assert asked.specifier.contains(version), f"{name} has {version}, asked for {asked}"


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_is_a_version_a_hash_or_a_comment(name):
    for line in (CHECKOUT / name).read_text().splitlines():
        assert re.fullmatch(
            r"[\w.-]+==[\w.+!-]+( ; [^\\]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?| *#.*", line
        ), line


def test_both_locks_agree():
    def pins(name):
        return {(pin.name, str(pin.specifier), str(pin.marker)) for pin in locked(name)}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
