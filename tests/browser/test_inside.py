"""The page "Inside the prior" in a real browser: its slider, its tiles, and its URL."""

import re

import pytest
from playwright.sync_api import Page, WebSocket, expect

QUICK = "/inside?image=Cat&side=64"
A_WHILE = 120_000  # milliseconds that measuring a prior and drawing it may take on a busy machine
LINE = "document.querySelector('.st-key-kernels .scatterlayer .js-line').getAttribute('d')"


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Inside the prior")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(9, timeout=A_WHILE)
    expect(page.locator(".slider-label").first).to_be_visible(timeout=A_WHILE)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible(timeout=A_WHILE)


def drag_slider(page: Page, share: float) -> None:
    """To a place on its rail, from 0 to 1."""
    rail = page.locator(".slider-rail-rect").bounding_box()
    assert rail
    height = rail["y"] + rail["height"] / 2
    page.mouse.move(rail["x"] + 3, height)
    page.mouse.down()
    page.mouse.move(rail["x"] + share * rail["width"], height, steps=5)
    page.mouse.up()


def click_tile(page: Page, place: int) -> None:
    tile = page.locator(".st-key-kernels .scatterlayer .points path").nth(place).bounding_box()
    assert tile
    page.mouse.move(tile["x"] + tile["width"] / 2, tile["y"] + tile["height"] / 2)
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text(f"kernel {place + 1}")
    page.mouse.click(tile["x"] + tile["width"] / 2, tile["y"] + tile["height"] / 2)


@pytest.fixture
def sent(page: Page) -> list[str | bytes]:
    """What the browser has sent to the server."""
    messages: list[str | bytes] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda message: messages.append(message))

    page.on("websocket", listen)
    return messages


def test_slider_moves_the_curves_in_the_browser_alone(page: Page, app_url: str, sent: list) -> None:
    open_page(page, app_url + QUICK)
    label, before, count = page.locator(".slider-label").first, page.evaluate(LINE), len(sent)
    expect(label).to_have_text("smoothing σ = 0.01")
    drag_slider(page, 1)
    expect(label).to_have_text("smoothing σ = 0.5")
    page.wait_for_function(f"before => {LINE} !== before", arg=before)
    assert len(sent) == count
    curve = "document.querySelector('.st-key-kernels .js-plotly-plot').data[0].line.color"
    red, _, blue = (float(v) for v in page.evaluate(curve)[4:-1].split(","))
    assert red > blue


def test_picked_kernel_is_shown_and_the_slider_stays_where_it_is(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    expect(page.get_by_text("Layer 1, kernel 1:")).to_be_visible()
    drag_slider(page, 0.5)
    label = page.locator(".slider-label").first
    expect(label).not_to_have_text("smoothing σ = 0.01", timeout=A_WHILE)
    moved = label.text_content()
    for place in (20, 35, 35):  # a second click on the same tile changes nothing
        click_tile(page, place)
        expect(page.get_by_text(f"Layer 1, kernel {place + 1}:")).to_be_visible(timeout=A_WHILE)
        expect(page).to_have_url(re.compile(f"[?&]kernel={place + 1}(&|$)"))
        expect(page.get_by_role("spinbutton", name="Kernel")).to_have_value(str(place + 1))
    assert label.text_content() == moved


def test_link_reproduces_the_view(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK + "&kernel=21&sigma=0.055&order=Share+of+the+energy&noisy=true")
    expect(page.get_by_text("Layer 1, kernel 21:")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Kernel")).to_have_value("21")
    expect(page.get_by_role("combobox", name="Order of the kernels")).to_have_value("Share of the energy")
    expect(page.get_by_test_id("stMain")).to_contain_text("The function at σ = 0.055")
    expect(page.get_by_role("switch", name="Add noise")).to_be_checked()
    page.get_by_role("spinbutton", name="Kernel").fill("7")
    page.get_by_role("spinbutton", name="Kernel").press("Enter")
    expect(page.get_by_text("Layer 1, kernel 7:")).to_be_visible(timeout=A_WHILE)
    expect(page).to_have_url(re.compile(r"(?=.*kernel=7)(?=.*sigma=0.055)(?=.*noisy=true)"))


@pytest.mark.parametrize("width", [900, 1400])
def test_frame_lies_around_the_picked_tile_at_every_width(page: Page, app_url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    open_page(page, app_url + QUICK + "&kernel=20")
    # Centres agree across, and down the kernel lies in the upper half of the frame; charts take a moment to find their size.
    page.wait_for_function("""() => {
        const chart = document.querySelector('.st-key-overview > :has(.stPlotlyChart)'), box = chart.getBoundingClientRect();
        const [left, top, width, height] = ['left', 'top', 'width', 'height'].map(
            name => parseFloat(getComputedStyle(chart, '::after')[name]));
        const tile = document.querySelectorAll('.st-key-kernels .scatterlayer .points path')[19].getBoundingClientRect();
        const x = tile.x + tile.width / 2 - box.x, y = tile.y + tile.height / 2 - box.y;
        return Math.abs(left + width / 2 - x) < 2 && top < y && y < top + height / 2;
    }""")


def test_image_and_prior_stay_the_same_on_another_page(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK.replace("Cat", "Coins"))
    page.get_by_role("link", name="Restore").click()
    expect(page.get_by_role("heading", name="Restore")).to_be_visible()
    expect(page.get_by_role("combobox", name="Source")).to_have_value("Coins")
    expect(page.get_by_role("slider", name="Longest side")).to_have_value("64")
    page.get_by_role("link", name="Inside the prior").click()
    expect(page.get_by_role("heading", name="Inside the prior")).to_be_visible()
    expect(page.get_by_role("combobox", name="Source")).to_have_value("Coins")
