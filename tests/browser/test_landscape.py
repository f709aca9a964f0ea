"""The page "Energy landscape" in a real browser: it computes, its slider moves in the browser alone, and it lives in its URL."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from .reading import failures, until_changed

QUICK = "/landscape?image=Cat&crop=32&grid=9"
HEIGHT = "document.querySelector('.js-plotly-plot')._fullData[0].z[0][0]"


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Energy landscape")).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)


def test_slider_changes_the_landscape_in_the_browser_alone(page: Page, app_url: str) -> None:
    wrong, sent = failures(page), list[object]()
    page.on("websocket", lambda socket: socket.on("framesent", lambda message: sent.append(message)))
    open_page(page, app_url + QUICK)
    label, count = page.locator(".slider-label").first, len(sent)
    expect(label).to_contain_text("smoothing σ = 0.01:")
    before = page.evaluate(HEIGHT)
    rail = page.locator(".slider-rail-rect").bounding_box()
    assert rail
    page.mouse.move(rail["x"] + 3, rail["y"] + rail["height"] / 2)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"], rail["y"] + rail["height"] / 2, steps=5)
    page.mouse.up()
    expect(label).to_contain_text("smoothing σ = 0.5:")
    until_changed(page, HEIGHT, before)
    assert len(sent) == count
    assert not wrong


def test_control_changes_the_figure_and_the_url(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    title = page.locator(".js-plotly-plot .xtitle").first
    expect(title).to_have_text("a, to its mirror image")
    page.get_by_role("combobox", name="First direction").click()
    page.get_by_role("option", name="Random").click()
    expect(title).to_have_text("a, random")
    expect(page).to_have_url(re.compile("first=Random"))


def test_link_reproduces_the_line_with_the_paths(page: Page, app_url: str) -> None:
    wrong = failures(page)
    open_page(page, app_url + QUICK + "&view=One+direction+and+σ&noise=0.2&first=To+a+blurred+one&nsteps=4&blur=1.0")
    expect(page.get_by_role("combobox", name="First direction")).to_have_value("To a blurred one")
    expect(page.get_by_role("slider", name="Noise level")).to_have_value("0.2")
    expect(page.get_by_role("spinbutton", name="Steps S")).to_have_value("4")
    expect(page.locator(".legendtext")).to_have_text(["lowest R at this a", "GNC flow", "Joint", "Learned schedule"])
    assert not wrong


def test_stop_keeps_the_levels_and_the_rest_can_follow(page: Page, app_url: str) -> None:
    page.goto(app_url + "/landscape?image=Coins&crop=96&grid=33&second=Random")
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    stop.click()
    again = page.get_by_role("button", name="Go on")
    expect(again).to_be_visible()
    again.click()
    expect(stop).to_be_visible()
    stop.click()
    expect(again).to_be_visible()


@pytest.mark.parametrize("view", ["Two+directions", "One+direction+and+σ"])
def test_figure_is_in_view_on_a_small_screen(page: Page, app_url: str, view: str) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, app_url + QUICK + "&view=" + view)
    figure = page.locator(".js-plotly-plot").bounding_box()
    assert figure
    assert figure["y"] + figure["height"] <= 768


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", ["Two+directions", "One+direction+and+σ"])
def test_on_a_phone_nothing_scrolls_sideways(
    page: Page, app_url: str, view: str, theme: Literal["light", "dark"]
) -> None:
    wrong = failures(page)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, app_url + QUICK + "&view=" + view)
    # Narrow, once the browser has said so: the colour bar lies above the map.
    page.wait_for_function("""() => {
        const box = name => document.querySelector(`.js-plotly-plot ${name}`)?.getBoundingClientRect();
        const bar = box('.colorbar .cbfills'), map = box('.contourlayer .contour');
        return bar && map && bar.width > 200 && bar.bottom < map.top && map.width > 200;
    }""")
    figure = page.locator(".js-plotly-plot").bounding_box()
    assert figure
    assert figure["x"] + figure["width"] <= 390
    for part in page.locator(
        ".js-plotly-plot :is(.colorbar, .legend, .xtitle, .slider-container, .updatemenu-container)"
    ).all():
        place = part.bounding_box()
        assert place
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 390
    if view == "Two+directions":
        menu, slider = (page.locator(f".{name}-container").bounding_box() for name in ("updatemenu", "slider"))
        assert menu
        assert slider
        assert slider["y"] >= menu["y"] + menu["height"]
        assert slider["width"] > 200
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    scrolls = (
        "[...document.querySelectorAll('.stMainBlockContainer *')].filter(e => e.scrollWidth > e.clientWidth + 1 && "
    )
    scrolls += "['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.clientWidth > 0).length"
    assert page.evaluate(scrolls) == 0
    assert not wrong
