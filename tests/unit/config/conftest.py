from pathlib import Path

import pytest

from tests.unit.config.projects import ProjectFolder


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    return ProjectFolder(tmp_path)
