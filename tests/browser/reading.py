"""What a page shows, as text."""

from playwright.sync_api import ConsoleMessage, Locator, Page


def value_of(page: Page, label: str) -> Locator:
    """Where the value of the number called `label` stands."""
    return page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def metric(page: Page, label: str) -> str:
    """The value of the number called `label`."""
    return value_of(page, label).inner_text()


def failures(page: Page) -> list[str]:
    """A list that fills with what the page writes to the browser's console as errors, from now on.

    Two kinds are meant: Streamlit asks for its own address below that of a page first, and then where it is; and it asks
    whether the file of a download is there, which is gone by then if its page was left (tests of downloads download)."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        url = message.location.get("url", "")
        meant = "/_stcore/" in url or "/media/" in url or "Download Button source error" in message.text
        if message.type == "error" and not meant:
            found.append(message.text)

    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", note)
    return found


def until_changed(page: Page, expression: str, before: object) -> None:
    """Waits until a JavaScript expression has another value; while a figure is drawn anew, it may have none, or fail."""
    page.wait_for_function(
        f"before => {{ try {{ const now = {expression}; return now != null && now !== before; }} catch {{ return false; }} }}",
        arg=before,
    )
