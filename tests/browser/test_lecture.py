"""What a lecturer does with any page: go through its experiments, hide what surrounds it, and save its figures."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from .reading import failures, until_changed

PAGE = "/schedules?lecture=true"
QUICK = "/landscape?image=Cat&crop=32&grid=9&second=Random"
SIGMA = "JSON.stringify(document.querySelector('.js-plotly-plot')?.data?.[0].y)"


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    settled(page)


def settled(page: Page) -> None:
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


def press(page: Page, key: str) -> None:
    """A key for the lecture, as soon as it listens."""
    expect(page.locator("[data-listening]")).to_be_attached()
    page.keyboard.press(key)


def save_button(page: Page) -> Locator:
    """Streamlit draws the button twice, once for touch screens."""
    return page.get_by_test_id("stPopoverButton").filter(has_text="download").locator("visible=true")


def save(page: Page, kind: str, folder: Path) -> Path:
    """The file that the save button's menu has under this name."""
    if not page.get_by_test_id("stPopoverBody").is_visible():
        save_button(page).click()
    with page.expect_download() as file:
        page.get_by_test_id("stPopoverBody").get_by_role("button", name=kind, exact=True).click()
    path = folder / file.value.suggested_filename
    file.value.save_as(path)
    return path


def network(page: Page) -> list[str]:
    """A list that fills with what the page asks of any server."""
    asked: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else asked.append(r.url))
    return asked


# --- lecture mode ------------------------------------------------------------------------------------------------


def test_arrow_keys_go_through_the_experiments_and_the_figure_follows(page: Page, app_url: str) -> None:
    wrong = failures(page)
    open_page(page, app_url + PAGE)
    told = page.get_by_test_id("stAlert")
    expect(told).to_contain_text("go through the 3 experiments")
    for key, name in (("ArrowRight", "More noise"), ("PageDown", "More steps"), ("ArrowLeft", "More noise")):
        before = page.evaluate(SIGMA)
        press(page, key)
        expect(told).to_contain_text(name)
        until_changed(page, SIGMA, before)
        settled(page)
    expect(page.get_by_role("slider", name="Noise level")).to_have_value("0.3")
    expect(page).to_have_url(re.compile("noise=0.3"))
    press(page, "ArrowLeft")
    expect(told).to_contain_text("3/3")  # around
    assert not wrong


def test_keys_within_a_control_are_left_to_it(page: Page, app_url: str) -> None:
    open_page(page, app_url + PAGE)
    told = page.get_by_test_id("stAlert")
    steps = page.get_by_role("spinbutton", name="Steps S")
    steps.click()
    steps.press_sequentially("12")
    for key in ("ArrowLeft", "ArrowRight", "PageDown"):
        steps.press(key)
    slider = page.get_by_role("slider", name="Noise level")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("noise=0.102"))
    settled(page)
    expect(told).to_contain_text("go through the 3 experiments")


def test_a_control_that_an_experiment_has_set_can_be_changed(page: Page, app_url: str) -> None:
    open_page(page, app_url + PAGE)
    press(page, "ArrowRight")
    slider = page.get_by_role("slider", name="Noise level")
    expect(slider).to_have_value("0.3")
    settled(page)
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("noise=0.302"))
    page.locator("h1").click()  # away from the control
    press(page, "ArrowRight")
    expect(page.get_by_test_id("stAlert")).to_contain_text("More steps")


def test_an_experiment_takes_over_the_plane(page: Page, app_url: str) -> None:
    page.goto(app_url + "/two-dimensions?lecture=true&blur=0.2&at=5")
    plane = page.locator(".plane[data-drawn]")
    expect(plane).to_have_attribute("data-drawn", "5 0.2 22 contours")
    press(page, "ArrowRight")
    expect(plane).to_have_attribute("data-drawn", "0 0.6 22 contours")
    press(page, "ArrowRight")
    expect(plane).to_have_attribute("data-drawn", "0 0.6 4 contours")
    expect(page).to_have_url(re.compile("density=Square"))
    press(page, "ArrowRight")
    expect(plane).to_have_attribute("data-drawn", "0 0.4 22 contours")
    settled(page)
    step = plane.locator(".step")
    step.focus()
    step.press("ArrowRight")  # the plane is the visitor's again
    expect(page).to_have_url(re.compile("at=1"))
    expect(plane).to_have_attribute("data-drawn", "1 0.4 22 contours")
    expect(page.get_by_test_id("stAlert")).to_contain_text("Start too low")


def test_lecture_mode_is_large_and_a_link_hides_the_surroundings(visitor: Callable[..., Page], app_url: str) -> None:
    page = visitor(viewport={"width": 1366, "height": 768})
    open_page(page, app_url + "/schedules")
    size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
    usual = page.evaluate(size)
    for part in (page.locator("h1"), page.get_by_test_id("stSidebar")):
        expect(part).to_be_visible()
    open_page(page, app_url + "/schedules?embed=true&hide=sidebar,text&lecture=true")
    assert page.evaluate(size) > 1.2 * usual
    expect(page.locator("h1")).to_be_hidden()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_test_id("stExpandSidebarButton")).to_be_hidden()
    box = page.locator(".js-plotly-plot").bounding_box()
    assert box
    assert box["x"] < 60  # the figure has all the room
    assert box["y"] + box["height"] <= 768


# --- saving ------------------------------------------------------------------------------------------------------


def test_figures_are_saved_as_csv_and_as_an_animation_of_its_own(
    page: Page, visitor: Callable[..., Page], app_url: str, tmp_path: Path
) -> None:
    open_page(page, app_url + QUICK)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    table = list(csv.DictReader(save(page, "CSV", tmp_path).open()))
    levels = {row["frame"] for row in table if row["trace"] == "R"}
    assert levels == {"", *map(str, range(8))}
    assert sum(row["frame"] == "7" and row["trace"] == "R" for row in table) == 81
    path = save(page, "HTML", tmp_path)
    assert path.name == "landscape.html"

    saved = visitor(offline=True)
    wrong, asked = failures(saved), network(saved)
    saved.goto(path.as_uri())
    expect(saved.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    label = saved.locator(".slider-label").first
    expect(label).to_contain_text("smoothing σ = 0.01:")
    saved.locator(".updatemenu-button").first.click()
    expect(label).to_contain_text("smoothing σ = 0.5:")
    heights = "document.querySelector('.js-plotly-plot')._fullData[0].z"
    shown = [value for row in saved.evaluate(f"{heights}.map(row => Array.from(row))") for value in row]
    last = [float(row["z"]) for row in table if row["frame"] == "7" and row["trace"] == "R"]
    assert shown == pytest.approx(last, rel=1e-5)
    assert not asked
    assert not wrong


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_camera_saves_what_is_chosen(page: Page, app_url: str, tmp_path: Path, kind: str) -> None:
    open_page(page, app_url + "/schedules")
    if kind == "svg":
        save_button(page).click()
        page.get_by_test_id("stPopoverBody").get_by_text("SVG", exact=True).click()
        settled(page)
        page.keyboard.press("Escape")
    chosen = "document.querySelector('.js-plotly-plot')?._context?.toImageButtonOptions?.format"
    page.wait_for_function(f"kind => {chosen} === kind", arg=kind)
    figure = page.locator(".js-plotly-plot")
    figure.hover()
    with page.expect_download() as file:
        figure.locator("[data-title^=Download]").click()
    assert file.value.suggested_filename == f"schedules.{kind}"
    file.value.save_as(tmp_path / "picture")
    data = (tmp_path / "picture").read_bytes()
    assert data.startswith(b"\x89PNG" if kind == "png" else b"<svg")
    assert len(data) > 5000


def test_the_plane_is_saved_with_all_that_moves_in_it(
    page: Page, visitor: Callable[..., Page], app_url: str, tmp_path: Path
) -> None:
    page.goto(app_url + "/two-dimensions?length=8&blur=0.5")
    expect(page.locator(".plane[data-drawn]")).to_be_visible()
    settled(page)
    assert save(page, "PNG", tmp_path).read_bytes().startswith(b"\x89PNG")
    table = list(csv.DictReader(save(page, "CSV", tmp_path).open()))
    assert [row["what"] for row in table].count("point") == 22
    assert [row["what"] for row in table].count("path") == 81 * 9
    assert json.dumps(parse_qs(urlsplit(page.url).query).get("points")) == "null"
    path = save(page, "HTML", tmp_path)

    saved = visitor(offline=True)
    wrong, asked = failures(saved), network(saved)
    saved.goto(path.as_uri())
    plane = saved.locator(".plane[data-drawn]")
    expect(plane).to_have_attribute("data-drawn", "0 0.5 22 contours")
    saved.get_by_role("button", name="Play").click()
    expect(plane).to_have_attribute("data-drawn", "8 0.5 22 contours")
    ends = plane.evaluate("e => e.plane.path.at(-1)")
    told = [[float(row["x1"]), float(row["x2"])] for row in table if row["step"] == "8"]
    # Rounding leads starts on a line of symmetry off it, one way here and another way there: most of them are compared.
    same = [all(abs(a - b) < 1e-6 for a, b in zip(*pair, strict=True)) for pair in zip(ends, told, strict=True)]
    assert sum(same) > 70
    assert not asked
    assert not wrong
