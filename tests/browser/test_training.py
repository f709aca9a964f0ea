"""The page "Training" in a real browser: a run that can be watched, stopped and used, one at a time."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from playwright.sync_api import Locator, Page, expect

from gnc_core import zoo

from .reading import failures, metric, until_changed

SMALL = "/training?kernels=8&kernel-size=3&batch=8&patch=24&iterations="
LONG = SMALL + "3000"
DONE = "document.querySelector('.js-plotly-plot')._fullData[0].y.length"  # points of the curve of the loss


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Training")).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_a_run_is_watched_used_and_downloaded(page: Page, app_url: str, tmp_path: Path) -> None:
    wrong = failures(page)
    open_page(page, app_url + SMALL + "100")
    button(page, "Train").click()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(button(page, "Use on other pages")).to_be_visible()
    assert metric(page, "Iterations") == "100"
    assert float(metric(page, "Denoised, dB")) > float(metric(page, "Noisy, dB")) + 3
    page.set_viewport_size({"width": 1366, "height": 768})
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    for figure in page.locator(".js-plotly-plot").all():
        box = figure.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 768
    page.set_viewport_size({"width": 390, "height": 844})
    tiles = page.locator(".js-plotly-plot").nth(1)
    page.wait_for_function(
        "document.querySelectorAll('.js-plotly-plot')[1]?._fullData?.[0]?.z?.[0].length === 6 * 4"
    )  # six a row
    box = tiles.bounding_box()
    assert box
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1366, "height": 768})
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot')[1]?._fullData?.[0]?.z?.[0].length === 8 * 4")
    with page.expect_download() as file:
        button(page, "Download (ZIP)").click()
    file.value.save_as(tmp_path / "own.zip")
    with zipfile.ZipFile(tmp_path / "own.zip") as archive:
        archive.extractall(tmp_path)
    prior = zoo.load(tmp_path / "own")
    assert prior.channels == 8
    assert torch.isfinite(prior.score(torch.rand(1, 1, 16, 16), -2.0)).all()
    button(page, "Use on other pages").click()
    expect(page.get_by_text("own-1")).to_be_visible()
    page.get_by_role("link", name="Restore").click()
    expect(page.get_by_role("combobox", name="Prior")).to_have_value("own-1")
    button(page, "Restore").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    assert float(metric(page, "PSNR")) > 22
    for elsewhere in ("Maps", "Inside the prior"):  # one that leaves it out, and one that takes it
        page.get_by_role("link", name=elsewhere).click()
        expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert not wrong


def test_controls_are_in_the_url(page: Page, app_url: str) -> None:
    open_page(page, app_url + "/training?lambda=0.1&kernel-size=7&iterations=infinite")
    expect(page.get_by_role("radio", name="7")).to_be_checked()
    expect(page.get_by_role("slider", name="Iterations")).to_have_value("400")
    slider = page.get_by_role("slider", name="Kernels")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("kernels=28"))
    expect(page).to_have_url(re.compile("lambda=0.1"))


def test_stop_ends_a_run_which_can_go_on(page: Page, app_url: str) -> None:
    open_page(page, app_url + LONG)
    button(page, "Train").click()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    button(page, "Stop").click()
    expect(button(page, "Train")).to_be_enabled()
    stopped = int(metric(page, "Iterations"))
    assert 0 < stopped < 3000
    before = page.evaluate(DONE)
    button(page, "Go on").click()
    expect(button(page, "Stop")).to_be_enabled()
    until_changed(page, DONE, before)
    button(page, "Stop").click()
    expect(button(page, "Go on")).to_be_enabled()
    assert int(metric(page, "Iterations")) > stopped


def test_one_run_at_a_time_and_a_visitor_who_leaves_lets_others_train(
    visitor: Callable[..., Page], page: Page, app_url: str
) -> None:
    first = visitor()
    open_page(first, app_url + LONG)
    button(first, "Train").click()
    expect(first.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    page.goto(app_url + SMALL + "50")
    expect(page.get_by_text("Somebody trains on this server now")).to_be_visible()
    expect(button(page, "Train")).to_be_disabled()
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    first.close()
    expect(button(page, "Train")).to_be_enabled()
    button(page, "Train").click()
    expect(button(page, "Use on other pages")).to_be_visible()
    assert metric(page, "Iterations") == "50"
