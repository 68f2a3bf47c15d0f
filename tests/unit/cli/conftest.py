from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.projects import headrace, make_project
from tests.unit.cli.running import Gateway


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def worked(project: Path) -> Path:
    """A project that has run to its end once: two records delivered, one dead letter."""
    ran = headrace("run", "--once", "--json", cwd=project)
    assert ran.code == 0, ran
    return project


@pytest.fixture
def gateway(project: Path) -> Iterator[Gateway]:
    with Gateway(project) as running:
        yield running
