"""What a page shows, as text."""

from playwright.sync_api import Page


def metric(page: Page, label: str) -> str:
    """The value of the number called `label`."""
    box = page.get_by_test_id("stMetric").filter(has_text=label)
    return box.get_by_test_id("stMetricValue").inner_text()
