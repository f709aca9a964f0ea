"""The page "Schedules" in a real browser: a fit that can be watched, stopped, downloaded and used."""

import json
import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from gnc_core.restoration import LearnedSchedule

from .reading import failures, metric

A_FIT = 120_000  # milliseconds that a fit may take on a busy machine
SIGMA = "document.querySelector('.js-plotly-plot')?.data?.[0].y"  # undefined while the figure is drawn anew


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_control_changes_the_figure_and_the_url(page: Page, app_url: str) -> None:
    wrong = failures(page)
    open_page(page, app_url + "/schedules")
    before = page.evaluate(SIGMA)
    slider = page.get_by_role("slider", name="Noise level")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("noise=0.12"))
    page.wait_for_function(f"before => {SIGMA} && JSON.stringify({SIGMA}) !== before", arg=json.dumps(before))
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    figure = page.locator(".js-plotly-plot").bounding_box()
    assert figure
    assert figure["y"] + figure["height"] <= 768
    assert not wrong


def test_link_reproduces_the_settings(page: Page, app_url: str) -> None:
    open_page(page, app_url + "/schedules?task=Inpaint&missing=0.6&nsteps=7&prior=foe-l1")
    expect(page.get_by_role("slider", name="Share of missing pixels")).to_have_value("0.6")
    expect(page.get_by_role("spinbutton", name="Steps S")).to_have_value("7")
    expect(page.get_by_role("combobox", name="Prior")).to_have_value("foe-l1")


def test_a_fit_is_downloaded_and_used_on_restore(page: Page, app_url: str, tmp_path: Path) -> None:
    wrong = failures(page)
    open_page(page, app_url + "/schedules?nsteps=3&fit-images=Cat&noise=0.2")
    button(page, "Fit one now").click()
    expect(button(page, "Use on Restore")).to_be_visible(timeout=A_FIT)
    assert float(metric(page, "fitted now")) > float(metric(page, "logarithmic"))
    with page.expect_download() as file:
        button(page, "Download (JSON)").click()
    file.value.save_as(tmp_path / "schedule.json")
    assert LearnedSchedule.load(tmp_path / "schedule.json").title == "denoise, noise 0.2, 3 steps"
    button(page, "Use on Restore").click()
    expect(page.get_by_role("heading", name="Restore")).to_be_visible()
    expect(page.get_by_text("Fitted in this visit: denoise, noise 0.2, 3 steps.")).to_be_visible()
    expect(page.get_by_role("slider", name="Noise level")).to_have_value("0.2")
    button(page, "Restore").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible(timeout=A_FIT)
    assert float(metric(page, "PSNR")) > 15
    assert not wrong


def test_stop_ends_a_fit_and_keeps_what_it_reached(page: Page, app_url: str) -> None:
    open_page(page, app_url + "/schedules?nsteps=20&prior=foe-l1")
    button(page, "Fit one now").click()
    expect(page.locator(".js-plotly-plot").get_by_text("PSNR (dB)")).to_be_visible(
        timeout=A_FIT
    )  # the first round is over
    button(page, "Stop").click()
    expect(button(page, "Use on Restore")).to_be_visible(timeout=A_FIT)
    expect(button(page, "Fit one now")).to_be_enabled()
