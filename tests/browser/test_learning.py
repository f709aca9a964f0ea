"""The page "Learning a score" in a real browser: a run that is watched, stopped and goes on; its figures and its link."""

import re

from playwright.sync_api import Locator, Page, expect

from .reading import failures, metric, value_of

ARROWS = "[...document.querySelectorAll('.js-plotly-plot')].find(p => p.data.some(t => t.name == 'exact score'))"
LEARNED = f"JSON.stringify({ARROWS}?.data[2].x ?? null)"
POINTS = f"{ARROWS}._fullData[2].x.length"
LOOKS = "[...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p._fullData).find(t => t.name == 'network')?.y?.length"


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Learning a score")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def test_a_run_is_watched_stopped_and_goes_on(page: Page, app_url: str) -> None:
    wrong = failures(page)
    open_page(page, app_url + "/learning?samples=400&units=1024&descent=8000")
    before = page.evaluate(LEARNED)
    button(page, "Start").click()
    expect(page.get_by_text("Learning: iteration")).to_be_visible()
    page.wait_for_function(f"before => ![before, 'null'].includes({LEARNED})", arg=before)
    button(page, "Stop").click()
    expect(button(page, "Go on")).to_be_enabled()
    stopped = int(metric(page, "Iterations"))
    assert 0 < stopped < 8000
    button(page, "Go on").click()
    expect(button(page, "Stop")).to_be_enabled()
    expect(value_of(page, "Iterations")).not_to_have_text(str(stopped))
    button(page, "Stop").click()
    expect(button(page, "Go on")).to_be_enabled()
    assert int(metric(page, "Iterations")) > stopped
    assert not wrong


def test_a_run_ends_in_view_and_controls_change_its_figure_and_the_url(page: Page, app_url: str) -> None:
    wrong = failures(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, app_url + "/learning?samples=25&units=32&descent=1000")
    button(page, "Start").click()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("1000")
    expect(button(page, "Start")).to_be_enabled()
    assert int(metric(page, "Reached after")) < 1000
    page.wait_for_function(f"{LOOKS} > 20")
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    for figure in page.locator(".js-plotly-plot").all():
        box = figure.bounding_box()
        assert box
        assert box["y"] + box["height"] <= 768
    arrows = page.evaluate(LEARNED)
    slider = page.get_by_role("slider", name="Arrows at σ")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("arrows-at=0.35"))
    page.wait_for_function(f"before => ![before, 'null'].includes({LEARNED})", arg=arrows)
    assert page.evaluate(POINTS) == 13 * 13 * 6
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("1000")  # nothing is learned anew
    page.get_by_role("slider", name="Noise σ").first.focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("noises=0.25"))
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("0")
    assert not wrong


def test_a_noisy_image_is_restored_in_view(page: Page, app_url: str) -> None:
    wrong = failures(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, app_url + "/learning?learn-from=A+noisy+image&image=Cat&noisy-side=96&noisy-descent=100")
    button(page, "Start").click()
    expect(page.get_by_test_id("stMetricValue").first).to_have_text("100")
    expect(button(page, "Start")).to_be_enabled()
    page.wait_for_function("[...document.querySelectorAll('.js-plotly-plot')].some(p => p.data.length == 5)")
    assert float(metric(page, "Restored, dB")) > float(metric(page, "Noisy, dB")) + 5
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    box = page.locator(".js-plotly-plot").bounding_box()
    assert box
    assert box["y"] + box["height"] <= 768
    assert not wrong
