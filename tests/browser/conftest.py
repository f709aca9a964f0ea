"""A running explorer and a headless Chromium, for the tests that look at it as a user does."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from .server import explorer

# Milliseconds: on a busy machine a server that has just started takes half a minute to its first figure.
PATIENCE = 120_000
expect.set_options(timeout=PATIENCE)
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


@contextmanager
def headless() -> Iterator[Browser]:
    """A Chromium without windows; skips the test where there is none."""
    with sync_playwright() as playwright:
        executable = chromium(playwright)
        if not os.path.exists(executable):
            pytest.skip("Chromium is not installed (apt or `playwright install chromium`).")
        browser = playwright.chromium.launch(executable_path=executable, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with headless() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Makes the page of one more visitor, by `browser.new_context`'s options; it waits as long as `PATIENCE`."""
    with ExitStack() as contexts:

        def come(**options: Any) -> Page:
            context = browser.new_context(**options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            return context.new_page()

        yield come


@pytest.fixture
def page(visitor: Callable[..., Page]) -> Page:
    """A fresh page, 1400 x 1000."""
    return visitor(viewport={"width": 1400, "height": 1000})
