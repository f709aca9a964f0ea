"""What a page shows, as text."""

from playwright.sync_api import Page


def metric(page: Page, label: str) -> str:
    """The value of the number called `label`."""
    box = page.get_by_test_id("stMetric").filter(has_text=label)
    return box.get_by_test_id("stMetricValue").inner_text()


def failures(page: Page) -> list[str]:
    """A list that fills with what the page writes to the browser's console as errors, from now on.

    Streamlit asks for its own address below that of a page first, and then where it is: that is meant."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console",
        lambda message: (
            found.append(message.text)
            if message.type == "error" and "/_stcore/" not in message.location.get("url", "")
            else None
        ),
    )
    return found
