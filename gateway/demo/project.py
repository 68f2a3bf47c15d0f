"""The demo's project: the files of `template/` with this run's addresses in them, and the stream
that the story adds to it (`archive/`)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from gateway.demo.servers.process import ServerError

TEMPLATE = Path(__file__).parent / "template"
ARCHIVE = Path(__file__).parent / "archive"
_MARK = re.compile(r"@([a-z_]+)@")


def write_project(folder: Path, *, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Write the project anew. `secrets` become files that only their owner may read, which the
    project file refers to."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(TEMPLATE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "headrace.yaml"
    file.write_text(_MARK.sub(lambda found: values[found[1]], file.read_text()))
    (folder / "secrets").mkdir(mode=0o700)
    for name, secret in secrets.items():
        path = folder / "secrets" / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secret)


def add_archive(folder: Path) -> None:
    """Write the stream `payments_archive` below the shop's last one, and its mapping, as a person
    with an editor would: every other line stays as it is.

    Raises ServerError where the project file has no longer the section that comes behind it.
    """
    file = folder / "headrace.yaml"
    before, section, after = file.read_text().partition("\nendpoints:\n")
    if not section:
        raise ServerError(f"{file} has no section `endpoints`, which the shop's streams end at.")
    lines = (ARCHIVE / "stream.yaml").read_text()
    file.write_text(before + lines + section + after)
    shutil.copy(ARCHIVE / "archived_payment.yaml", folder / "mappings")
