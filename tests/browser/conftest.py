"""A headless Chromium in front of a served gateway.

Chromium is the system's own (Debian's `chromium`); playwright only drives it and brings none.
"""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager

import pytest

from tests.conftest import require
from tests.unit.api.conftest import app, filled, metrics, world

__all__ = ["app", "filled", "metrics", "world"]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
async def url(app):
    from gateway.api.serve import serving

    async with serving(app, "127.0.0.1", 0) as address:
        yield address


@pytest.fixture
async def chromium():
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        require("chromium", "there is no `chromium` on the PATH; `apt-get install chromium`")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        require("chromium", "playwright is not installed; `make setup` brings it")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def look(chromium, url):
    """Opens a page as a person would see it; at the end nothing may have gone wrong on it."""

    @asynccontextmanager
    async def opened(path="/", *, scheme="light", width=1280, allowed=()):
        context = await chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 800}, base_url=url
        )
        page = await context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))

        def said(message):
            if message.type in ("error", "warning"):
                wrong.append(message.text)

        def asked(request):
            if not request.url.startswith((url, "data:")):
                wrong.append(f"asked {request.url}")

        page.on("console", said)
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        page.on("request", asked)
        await page.goto(path)
        yield page
        await context.close()
        assert [one for one in wrong if not any(part in one for part in allowed)] == []

    return opened
