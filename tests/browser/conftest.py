"""A running explorer and a headless Chromium, for the tests that look at it as a user does."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from .server import explorer

expect.set_options(timeout=30_000)
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


@pytest.fixture(scope="session")
def app_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running explorer, without a slash at its end; all tests share it."""
    with explorer(tmp_path_factory.mktemp("streamlit") / "log.txt") as url:
        yield url


def chromium(playwright: Playwright) -> str:
    """Where Chromium lies, or would lie: the system's, else playwright's own. That without windows takes a quarter less of the
    processor."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser")
    return next(filter(None, map(shutil.which, names)), playwright.chromium.executable_path)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        executable = chromium(playwright)
        if not os.path.exists(executable):
            pytest.skip("Chromium is not installed (apt or `playwright install chromium`).")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh page, 1400 x 1000; it accepts downloads and waits up to 30 s for what it expects."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()
