"""The page "Two dimensions" in a real browser: it computes what gnc_core computes, follows the hand, and lives in its URL."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from gnc_core.mixture import (
    PLANE_PRESETS,
    distinct,
    gnc_flow,
    plane_starts,
    smallest_eigenvalue,
    thresholds,
    two_dimensional,
)
from gnc_core.restoration.schedules import logarithmic

PATH = "/two-dimensions"


def open_page(page: Page, url: str, query: str = "") -> Locator:
    page.goto(url + PATH + query)
    plane = page.locator(".plane[data-drawn]")
    expect(plane).to_be_visible()
    return plane


def shown(plane: Locator, name: str, column: int = 1) -> str:
    """A number of the table: now (1) or before the last change (2)."""
    return plane.locator("tr").filter(has_text=name).locator("td").nth(column).inner_text()


def picture(plane: Locator) -> str:
    return str(plane.locator("canvas").evaluate("canvas => canvas.toDataURL()"))


def press(page: Page, plane: Locator, x1: float, x2: float) -> None:
    """A click at a point of the plane."""
    box = plane.locator("canvas").bounding_box()
    assert box
    left, top, side = plane.evaluate("e => [e.plane.frame.left, e.plane.frame.top, e.plane.frame.side]")
    page.mouse.click(box["x"] + left + side * (x1 / 2.5 + 0.5), box["y"] + top + side * (0.5 - x2 / 2.5))


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains of; Streamlit itself asks below every page's path for what lies at the top (404)."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on(
        "console", lambda m: found.append(m.text) if m.type in ("error", "warning") and "404" not in m.text else None
    )
    yield found
    assert found == []


@pytest.mark.parametrize("preset", ["Two clusters", "Square", "GNC fails"])
def test_browser_and_library_compute_the_same(page: Page, app_url: str, preset: str) -> None:
    plane = open_page(page, app_url)
    points, sigmas = PLANE_PRESETS[preset], [0.05, 0.3, 1.0]
    x = [[0.0, 0.0], [-0.7, 0.31], [1.25, -1.25], [30.0, 40.0]]
    mixture = two_dimensional(points)
    for sigma in sigmas:
        found = plane.evaluate(
            "(e, [points, sigma, x]) => x.map(([a, b]) => e.mathematics.energyAndCurvature(points, sigma, a, b))",
            [points, sigma, x],
        )
        energy = torch.tensor([f["energy"] for f in found], dtype=torch.float64)
        eigenvalue = torch.tensor([f["eigenvalue"] for f in found], dtype=torch.float64)
        torch.testing.assert_close(energy, mixture.energy(x, sigma), rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(eigenvalue, smallest_eigenvalue(mixture, x, sigma), rtol=1e-10, atol=1e-9)
    schedule = logarithmic(0.7, 0.05, 9)
    assert plane.evaluate("e => e.mathematics.schedule(0.7, 0.05, 9)") == pytest.approx(schedule, rel=1e-14)
    starts = plane_starts().tolist()
    path = plane.evaluate("(e, a) => e.mathematics.flow(...a)", [points, starts, schedule])
    expected = gnc_flow(mixture, starts, schedule)
    # Where starts lie on a line of symmetry, rounding may lead off it: those that do not are compared.
    fair = (torch.tensor(starts) != 0).all(-1) & (torch.tensor(starts).diff(dim=-1)[:, 0] != 0)
    torch.testing.assert_close(torch.tensor(path, dtype=torch.float64)[:, fair], expected[:, fair], rtol=0, atol=1e-9)
    ends = expected[-1].tolist()
    assert plane.evaluate("(e, x) => e.mathematics.distinct(x, 0.02)", ends) == distinct(ends).tolist()
    diameter = plane.evaluate("(e, p) => e.mathematics.diameter(p)", points)
    assert diameter == pytest.approx(thresholds(mixture, critical=False).diameter, rel=1e-12)


def test_share_of_the_picture_and_contours(page: Page, app_url: str) -> None:
    plane = open_page(page, app_url)
    points, n = PLANE_PRESETS["Two clusters"], 64
    line = torch.linspace(-1.25, 1.25, n, dtype=torch.float64)
    x = torch.cartesian_prod(line, line).flip(-1)
    found = plane.evaluate("(e, a) => e.mathematics.field(...a)", [points, 0.3, 1.25, n])
    eigenvalues = smallest_eigenvalue(two_dimensional(points), x, 0.3)
    assert found["share"] == pytest.approx(float((eigenvalues < 0).double().mean()))
    assert found["low"] == pytest.approx(float(two_dimensional(points).energy(x, 0.3).min()))
    circle = "e => { const v = []; for (let j = 0; j < 41; j++) for (let i = 0; i < 41; i++) v.push(Math.hypot(i - 20, j - 20)); "
    segments = plane.evaluate(circle + "return e.mathematics.contour(v, 41, 11.3) }")
    ends = torch.tensor(segments, dtype=torch.float64).reshape(-1, 2) - 20
    torch.testing.assert_close(
        ends.norm(dim=-1), torch.full((len(ends),), 11.3, dtype=torch.float64), rtol=0, atol=0.03
    )


def test_sliders_move_the_picture_without_the_server(page: Page, app_url: str, complaints: list[str]) -> None:
    plane = open_page(page, app_url)
    page.wait_for_timeout(500)
    page.context.set_offline(True)  # whatever changes now, the browser has computed
    before = picture(plane)
    for name, value in ((".sigma", "300"), (".step", "12")):
        plane.locator(name).evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
        )
        expect(plane).to_have_attribute("data-drawn", re.compile(r"^0 0\.14" if name == ".sigma" else r"^12 "))
        now = picture(plane)
        assert now != before
        before = now
    expect(plane.locator(".step-value")).to_contain_text("12 of 24")
    page.context.set_offline(False)


def test_a_click_adds_a_point_and_the_numbers_say_what_changed(page: Page, app_url: str, complaints: list[str]) -> None:
    plane = open_page(page, app_url, "?blur=0.6")
    expect(plane.locator("tr").filter(has_text="exact threshold")).to_contain_text("0.596")
    assert shown(plane, "not convex, of the picture") == "0.0 %"
    old = picture(plane)
    press(page, plane, 0.9, -0.9)
    expect(plane.locator("tr").filter(has_text="exact threshold")).to_contain_text("0.70")
    assert (shown(plane, "points"), shown(plane, "points", 2)) == ("23", "22")
    assert shown(plane, "exact threshold", 2) == "0.596"
    assert float(shown(plane, "not convex, of the picture").removesuffix(" %")) == pytest.approx(5, abs=1)
    assert picture(plane) != old
    expect(page).to_have_url(re.compile("points="))
    points = json.loads(parse_qs(urlsplit(page.url).query)["points"][0])
    assert points[-1] == pytest.approx([0.9, -0.9], abs=0.011)
    number = page.get_by_test_id("stMetric").filter(has_text="Exact threshold")
    expect(number).to_contain_text(shown(plane, "exact threshold"))
    plane.get_by_role("button", name="Undo").click()
    expect(page).not_to_have_url(re.compile("points="))
    assert shown(plane, "points") == "22"


def test_points_are_sprayed_dragged_and_erased(page: Page, app_url: str, complaints: list[str]) -> None:
    plane = open_page(page, app_url, "?density=Two+points")
    expect(plane.locator("tr").filter(has_text="D/2")).to_contain_text("0.600")
    box = plane.locator("canvas").bounding_box()
    assert box
    frame = plane.evaluate("e => e.plane.frame")

    def move(x1: float, x2: float) -> None:
        page.mouse.move(
            box["x"] + frame["left"] + frame["side"] * (x1 / 2.5 + 0.5),
            box["y"] + frame["top"] + frame["side"] * (0.5 - x2 / 2.5),
        )

    move(0.6, 0)
    page.mouse.down()
    move(0.8, 0.3)
    move(1.0, 0.3)
    page.mouse.up()
    assert plane.evaluate("e => e.plane.points")[1] == pytest.approx([1.0, 0.3], abs=0.011)
    plane.get_by_role("button", name="Spray").click()
    move(0, 0)
    page.mouse.down()
    expect(plane).to_have_attribute("data-drawn", re.compile(r"^0 0\.8 ([6-9]|\d\d) "))  # six points or more
    page.mouse.up()
    plane.get_by_role("button", name="Erase").click()
    move(-0.6, 0)
    page.mouse.down()
    page.mouse.up()
    assert [-0.6, 0] not in plane.evaluate("e => e.plane.points")
    expect(page).to_have_url(re.compile("points="))


def test_play_runs_the_flow_and_the_surface_turns(page: Page, app_url: str, complaints: list[str]) -> None:
    plane = open_page(page, app_url, "?length=8")
    plane.get_by_role("button", name="Play").click()
    expect(plane.locator(".step-value")).to_contain_text("8 of 8, σ = 0.0500")
    expect(page).to_have_url(re.compile("at=8"))
    ends = gnc_flow(two_dimensional(PLANE_PRESETS["Two clusters"]), plane_starts(), logarithmic(0.8, 0.05, 8))[-1]
    assert shown(plane, "different ends of the flow") == str(len(distinct(ends)))
    flat = picture(plane)
    plane.get_by_role("button", name="Surface").click()
    expect(plane).to_have_attribute("data-drawn", re.compile("surface"))
    seen = picture(plane)
    assert seen != flat
    box = plane.locator("canvas").bounding_box()
    assert box
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 260, box["y"] + 200)
    page.mouse.up()
    assert picture(plane) != seen
    assert shown(plane, "points") == "22"  # turning draws no points
    expect(page).to_have_url(re.compile("view=%22surface%22"))


def test_link_reproduces_the_page_and_other_controls_start_anew(
    page: Page, app_url: str, complaints: list[str]
) -> None:
    points = "[[-0.5,0],[0.5,0],[0,0.25]]"
    plane = open_page(page, app_url, f"?points={points}&blur=0.31&at=7&length=16&density=Ring")
    expect(plane).to_have_attribute("data-drawn", "7 0.31 3 contours")
    expect(plane.locator(".step-value")).to_contain_text("7 of 16")
    expect(page.get_by_role("combobox", name="Density")).to_have_value("Ring")
    page.get_by_role("link", name="One dimension").click()
    expect(plane).to_have_count(0)
    page.get_by_role("link", name="Two dimensions").click()
    expect(plane).to_have_attribute("data-drawn", "7 0.31 3 contours")
    expect(page).to_have_url(re.compile("blur=0.31"))
    page.get_by_role("button", name="Reset points").click()
    expect(plane).to_have_attribute("data-drawn", re.compile("^0 0.8 .* contours"))
    expect(page).not_to_have_url(re.compile("points="))


def test_a_finger_that_scrolls_the_page_draws_nothing(page: Page, app_url: str) -> None:
    plane = open_page(page, app_url)
    event = (
        "(canvas, [type, x]) => canvas.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: x, pointerId: 1}))"
    )
    canvas = plane.locator("canvas")
    canvas.evaluate("canvas => { canvas.setPointerCapture = () => {}; }")  # there is no such finger
    canvas.evaluate(event, ["pointerdown", 500])
    assert shown(plane, "points") == "23"
    canvas.evaluate(event, ["pointercancel", 500])
    assert (shown(plane, "points"), shown(plane, "points", 2)) == ("22", "–")
    expect(plane.get_by_role("button", name="Undo")).to_be_disabled()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figure_is_in_view_and_follows_the_theme(visitor: Callable[..., Page], app_url: str, scheme: str) -> None:
    page = visitor(viewport={"width": 1366, "height": 768}, color_scheme=scheme)
    plane = open_page(page, app_url)
    box = plane.locator("canvas").bounding_box()
    assert box
    assert box["y"] + box["height"] <= 768
    ink = plane.evaluate(
        "e => getComputedStyle(e).color.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"
    )
    assert (ink < 300) == (scheme == "light")
    assert plane.evaluate("e => e.plane.ink === getComputedStyle(e).color")


def test_narrow_page_shows_all_of_it(visitor: Callable[..., Page], app_url: str) -> None:
    page = visitor(viewport={"width": 390, "height": 844}, has_touch=True)
    plane = open_page(page, app_url)
    for part in (plane.locator("canvas"), plane.locator(".panel"), plane.locator("table")):
        box = part.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390


def test_the_component_needs_no_network(page: Page, app_url: str) -> None:
    elsewhere: list[str] = []
    page.on(
        "request", lambda r: None if r.url.startswith((app_url, "data:", "blob:", "ws:")) else elsewhere.append(r.url)
    )
    open_page(page, app_url)
    assert elsewhere == []
    folder = Path(__file__).resolve().parents[2] / "app" / "components" / "two_dimensions"
    assert not [file.name for file in folder.glob("*.*") if "http" in file.read_text(errors="ignore")]
