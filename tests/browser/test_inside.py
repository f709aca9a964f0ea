"""The page "Inside the prior" in a real browser: its slider, its tiles, its parts, surgery, little room, and its URL."""

import re

import pytest
from playwright.sync_api import Page, WebSocket, expect

from .reading import failures, metric, until_changed

QUICK = "/inside?image=Cat&side=64"
TILES = ".st-key-kernels .scatterlayer .points path"
OVERVIEW = "document.querySelector('.st-key-overview > :has(.stPlotlyChart)')"
BENT = "document.querySelector('.st-key-bent .scatterlayer .trace:nth-child(2) .js-line').getAttribute('d')"
LINE = "document.querySelector('.st-key-kernels .scatterlayer .js-line').getAttribute('d')"


def open_page(page: Page, url: str, charts: int = 4) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Inside the prior")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(charts)
    expect(page.locator(".slider-label").first).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


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
    tile = page.locator(TILES).nth(place).bounding_box()
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
    until_changed(page, LINE, before)
    assert len(sent) == count
    curve = "document.querySelector('.st-key-kernels .js-plotly-plot').data[0].line.color"
    red, _, blue = (float(v) for v in page.evaluate(curve)[4:-1].split(","))
    assert red > blue


def test_picked_kernel_is_shown_and_the_slider_stays_where_it_is(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    expect(page.get_by_text("Layer 1, kernel 1:")).to_be_visible()
    drag_slider(page, 0.5)
    label = page.locator(".slider-label").first
    expect(label).not_to_have_text("smoothing σ = 0.01")
    moved = label.text_content()
    for place in (20, 35, 35):  # a second click on the same tile changes nothing
        click_tile(page, place)
        expect(page.get_by_text(f"Layer 1, kernel {place + 1}:")).to_be_visible()
        expect(page).to_have_url(re.compile(f"[?&]kernel={place + 1}(&|$)"))
        expect(page.get_by_role("spinbutton", name="Kernel")).to_have_value(str(place + 1))
    assert label.text_content() == moved


def test_link_reproduces_the_view(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK + "&kernel=21&sigma=0.055&order=Share+of+the+energy")
    expect(page.get_by_text("Layer 1, kernel 21:")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Kernel")).to_have_value("21")
    expect(page.get_by_role("combobox", name="Order of the kernels")).to_have_value("Share of the energy")
    expect(page.get_by_test_id("stMain")).to_contain_text("The function at σ = 0.055")
    page.get_by_role("spinbutton", name="Kernel").fill("7")
    page.get_by_role("spinbutton", name="Kernel").press("Enter")
    expect(page.get_by_text("Layer 1, kernel 7:")).to_be_visible()
    expect(page).to_have_url(re.compile(r"(?=.*kernel=7)(?=.*sigma=0.055)"))


def test_surfaces_are_a_toggle_that_the_link_keeps(page: Page, app_url: str) -> None:
    errors = failures(page)
    open_page(page, app_url + QUICK)
    expect(page.locator(".gl-container canvas")).to_have_count(0)
    page.get_by_text("In space", exact=True).click()
    expect(page.locator(".js-plotly-plot")).to_have_count(6)
    expect(page.locator(".gl-container canvas").first).to_be_visible()
    expect(page).to_have_url(re.compile("space=true"))
    open_page(page, page.url, 6)
    expect(page.get_by_role("switch", name="In space")).to_be_checked()
    assert not errors


def test_every_part_is_shown_without_an_error_and_goes_to_the_url(page: Page, app_url: str) -> None:
    errors = failures(page)
    open_page(page, app_url + QUICK + "&prior=foe-l1&part=On+the+image&noisy=true", 2)
    expect(page.get_by_role("switch", name="Add noise")).to_be_checked()
    for part, charts in (("Curvature", 2), ("Convexity", 2), ("Surgery", 3), ("Training", 2), ("One kernel", 4)):
        page.get_by_test_id("stMain").get_by_role("radio", name=part).click()
        expect(page.locator(".js-plotly-plot")).to_have_count(charts)
        if part != "One kernel":  # the default
            expect(page).to_have_url(re.compile(f"part={part}"))
            # Only when the page has been drawn does Streamlit take out of the URL what is left behind.
            expect(page).not_to_have_url(re.compile("noisy"))
        expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    assert not errors


def test_kernels_are_in_view_without_scrolling(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, app_url + QUICK + "&prior=foe-l3")
    place = page.locator(".st-key-kernels .js-plotly-plot").bounding_box()
    assert place
    assert place["y"] + place["height"] < 768
    parts = page.get_by_role("radio", name="Surgery").bounding_box()
    assert parts
    assert parts["y"] + parts["height"] < 768


# --- surgery -----------------------------------------------------------------------------------------------------


def test_a_click_on_a_tile_switches_its_kernel_off_and_on(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK + "&prior=foe-l1&part=Surgery", 3)
    untouched = metric(page, "PSNR untouched")
    assert metric(page, "PSNR changed").split()[0] == untouched
    click_tile(page, 44)
    expect(page).to_have_url(re.compile("off=45"))
    expect(page.get_by_test_id("stMultiSelect")).to_contain_text("45")
    page.wait_for_function(f"() => getComputedStyle({OVERVIEW}, '::before').backgroundImage.includes('gradient')")
    changed = page.get_by_test_id("stMetric").filter(has_text="PSNR changed").get_by_test_id("stMetricValue")
    expect(changed).not_to_have_text(untouched)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    click_tile(page, 44)
    expect(changed).to_have_text(untouched)
    expect(page).not_to_have_url(re.compile("off="))


def test_a_handle_bends_the_potential_and_the_link_keeps_it(page: Page, app_url: str) -> None:
    link = app_url + QUICK + "&prior=foe-l1&part=Surgery&kernel=45&off=6&bend3=0.5"
    open_page(page, link, 3)
    slider = page.get_by_role("slider", name="middle")
    expect(slider).to_have_value("0.5")
    expect(page.get_by_test_id("stMultiSelect")).to_contain_text("6")
    before = metric(page, "Energy changed"), page.evaluate(BENT)
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"bend3=0\.55"))
    until_changed(page, BENT, before[1])
    changed = page.get_by_test_id("stMetric").filter(has_text="Energy changed").get_by_test_id("stMetricValue")
    expect(changed).not_to_have_text(before[0])
    open_page(page, link, 3)  # the first link still shows what it has shown
    expect(changed).to_have_text(before[0])


def test_an_experiment_sets_the_page(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    page.get_by_test_id("stMain").get_by_test_id("stPopover").first.get_by_role("button").click()
    page.get_by_role("button", name="A hill in the middle").click()
    expect(page).to_have_url(re.compile(r"(?=.*part=Surgery)(?=.*kernel=45)(?=.*bend3=0\.5)"))
    expect(page.get_by_test_id("stMetric").filter(has_text="PSNR changed")).to_contain_text("21.8")


# --- width -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_there_are_six_kernels_a_row_that_do_not_overlap(page: Page, app_url: str, theme: str) -> None:
    errors = failures(page)
    page.emulate_media(color_scheme=theme)
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, app_url + QUICK)
    page.wait_for_function(f"""() => {{
        const tiles = [...document.querySelectorAll('{TILES}')].map(tile => tile.getBoundingClientRect());
        return tiles.length === 48 && tiles.filter(tile => Math.abs(tile.y - tiles[0].y) < 2).length === 6;
    }}""")
    first, below = (page.locator(TILES).nth(place).bounding_box() for place in (0, 6))
    beside = page.locator(TILES).nth(1).bounding_box()
    assert first
    assert below
    assert beside
    assert beside["x"] - first["x"] >= first["width"]
    assert below["y"] - first["y"] > 1.6 * first["height"]  # room for the curve between them
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert not errors


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
