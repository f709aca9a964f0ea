"""The page "Sampling" in a real browser: chains move on a slider, samples appear, work is stopped and goes on, links hold."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from .reading import failures, until_changed

POSTERIOR = "/sampling?part=Posterior&image=Cat&part-side=48&inner=1"
WANDER = "/sampling?part=Images&chain-side=48&apart=5"
CHAINS = "document.querySelector('.js-plotly-plot')._fullData[1].x[0]"


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Sampling")).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()


def test_slider_moves_the_chains_in_the_browser_alone(page: Page, app_url: str) -> None:
    wrong, sent = failures(page), list[object]()
    page.on("websocket", lambda socket: socket.on("framesent", lambda message: sent.append(message)))
    open_page(page, app_url + "/sampling?chains=5&moves=20")
    label, count = page.locator(".slider-label").first, len(sent)
    expect(label).to_contain_text("step 20: 100 samples")
    before = page.evaluate(CHAINS)
    rail = page.locator(".slider-rail-rect").bounding_box()
    assert rail
    page.mouse.click(rail["x"] + 3, rail["y"] + rail["height"] / 2)
    expect(label).to_contain_text("step 1: 5 samples")
    until_changed(page, CHAINS, before)
    assert len(sent) == count
    assert not wrong


def test_part_and_controls_are_in_the_url(page: Page, app_url: str) -> None:
    wrong = failures(page)
    open_page(page, app_url + "/sampling?drawn=500&density=Five+components")
    page.get_by_role("radio", name="Cost").click()
    expect(page).to_have_url(re.compile("part=Cost"))
    names = ["Euler", "Heun", "Langevin", "Denoising MCMC"]
    expect(page.locator(".legendtext")).to_have_text(names)
    assert not wrong


def test_a_chain_of_images_is_stopped_and_goes_on(page: Page, app_url: str) -> None:
    wrong = failures(page)
    page.goto(app_url + WANDER + "&wander-samples=12&draw-seed=5")
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    again = page.get_by_role("button", name="Go on")
    expect(again).to_be_visible()
    again.click()
    expect(page.locator(".slider-label").first).to_contain_text("step 60: σ = 0.")
    assert not wrong


def test_samples_are_stopped_and_go_on(page: Page, app_url: str) -> None:
    page.goto(app_url + "/sampling?part=Posterior&image=Cat&part-side=64&inner=2&samples=24&draw-seed=5")
    stop, again = page.get_by_role("button", name="Stop", exact=True), page.get_by_role("button", name="Go on")
    stop.click()
    expect(again).to_be_visible()
    again.click()
    expect(again).to_have_count(0)
    expect(page.locator(".slider-label").first).to_contain_text("sample 24 of 24")
    expect(stop).to_have_count(0)


LINKS = ["/sampling?chains=5&moves=20", WANDER + "&wander-samples=2", POSTERIOR + "&samples=2&gaps=A+hole&hole=16"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("link", LINKS)
def test_on_a_phone_nothing_scrolls_sideways_and_buttons_stay_free(
    page: Page, app_url: str, link: str, theme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, app_url + link)
    slider = page.locator(".slider-container")
    expect(slider).to_have_count(1)
    # Narrow, once the browser has said so.
    page.wait_for_function("document.querySelector('.slider-rail-rect').getBoundingClientRect().width > 200")
    figure, menu = page.locator(".js-plotly-plot").bounding_box(), page.locator(".updatemenu-container").bounding_box()
    label, rail = page.locator(".slider-label").first.bounding_box(), slider.bounding_box()
    assert figure
    assert menu
    assert label
    assert rail
    assert figure["x"] + figure["width"] <= 390
    assert min(label["y"], rail["y"]) >= menu["y"] + menu["height"]
    assert label["x"] >= figure["x"]
    scrolls = (
        "[...document.querySelectorAll('.stMainBlockContainer *')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
    )
    scrolls += "['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.clientWidth > 0).length"
    assert page.evaluate(scrolls) == 0


@pytest.mark.parametrize("link", LINKS)
def test_figure_is_in_view_on_a_small_screen(page: Page, app_url: str, link: str) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, app_url + link)
    expect(page.locator(".js-plotly-plot")).to_have_count(1)
    figure = page.locator(".js-plotly-plot").bounding_box()
    assert figure
    assert figure["y"] + figure["height"] <= 768
