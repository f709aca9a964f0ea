"""What one visitor uploads is shown to nobody else, and its name is a text wherever it appears."""

import io
from collections.abc import Callable

from PIL import Image
from playwright.sync_api import FilePayload, Page, expect

from .reading import failures

UPLOAD = "/restore?image=Upload+an+image&file=degraded&nsteps=2&side=64&scheme=GNC+flow"
SEEN = "<img src=x onerror=window.hit=1> **bold** $x$ [l]("
NAME = SEEN + "http://a.b).png"


def picture(grey: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (48, 32), grey).save(buffer, "PNG")
    return buffer.getvalue()


def restore(page: Page, url: str, name: str, data: bytes) -> None:
    page.goto(url)
    file: FilePayload = {"name": name, "mimeType": "image/png", "buffer": data}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()


def test_the_name_of_an_upload_is_a_text_on_the_page_and_in_the_table(page: Page, app_url: str) -> None:
    wrong = failures(page)
    restore(page, app_url + UPLOAD, NAME, picture(80))
    for tab in ("Side by side", "All runs", "As code", "Curtain and curves"):
        page.get_by_role("tab", name=tab).click()
    slider = page.get_by_role("slider", name="Noise level")
    slider.focus()
    slider.press("ArrowRight")  # now the page names what the result is of
    expect(page.get_by_test_id("stAlert")).to_contain_text(SEEN)
    page.get_by_role("link", name="Energy landscape").click()
    page.get_by_role("link", name="Restore").click()
    expect(page.get_by_text("Still there:")).to_contain_text(SEEN)
    assert page.evaluate("window.hit") is None
    assert page.locator("img[src=x], main a[href*='a.b']").count() == 0
    assert not wrong


def test_another_visitor_sees_nothing_of_it(visitor: Callable[..., Page], app_url: str) -> None:
    shown = []
    pages = [visitor(), visitor()]
    for page, grey in zip(pages, (50, 200), strict=True):
        restore(page, app_url + UPLOAD, "same.png", picture(grey))
        shown.append(page.locator(".curtain img").first.get_attribute("src"))
    assert shown[0] != shown[1]
    pages[1].goto(pages[0].url)  # the link of the first visitor
    expect(pages[1].get_by_test_id("stAlert")).to_contain_text("links hold settings, but no files")
    expect(pages[1].locator(".curtain")).to_have_count(0)
    expect(pages[1].get_by_text("same.png")).to_have_count(0)
