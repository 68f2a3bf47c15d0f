"""What every test shares: the one place that decides whether an absent server skips or fails.

Tests that need a real server carry the marker named for it and call `require` (mostly in the
fixture that starts the server) where it cannot be had. On a person's machine the test is then
skipped with that reason; where the environment variable HEADRACE_REQUIRE lists the marker (as CI
does), absence is a failure, and so is any other skip of a test that carries it.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

SERVERS = ("postgresql", "tryton", "mlserver", "kafka", "oidc", "chromium")

# No deadline: on a busy machine it would measure the neighbours.
settings.register_profile(
    "headrace", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("ci", settings.get_profile("headrace"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "headrace")


def required() -> frozenset[str]:
    """The markers whose servers must be there, from HEADRACE_REQUIRE (comma-separated)."""
    named = os.environ.get("HEADRACE_REQUIRE", "")
    return frozenset(part.strip() for part in named.split(",") if part.strip())


def require(marker: str, reason: str) -> NoReturn:
    """Say that what `marker` stands for is absent: skips the test, or fails it where required."""
    if marker in required():
        pytest.fail(f"{marker} is required here but absent: {reason}", pytrace=False)
    pytest.skip(f"{marker}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    if unknown := required() - set(SERVERS):
        raise pytest.UsageError(
            f"HEADRACE_REQUIRE names {', '.join(sorted(unknown))}; known are {', '.join(SERVERS)}."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        must = sorted(required() & {marker.name for marker in item.iter_markers()})
        if must:
            report.outcome = "failed"
            report.longrepr = f"skipped although {', '.join(must)} is required: {report.longrepr}"
    return report
