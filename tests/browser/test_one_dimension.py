"""The page "GNC in one dimension" in a real browser: its mathematics, what can be dragged and clicked, and its URL."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from gnc_core.mixture import (
    PRESETS,
    ROWS,
    arrived,
    attainment,
    global_minimisers,
    gnc_flow,
    goals,
    local_minimisers,
    one_dimensional,
    take_apart,
)
from gnc_core.restoration.schedules import linear, logarithmic

CASES = {**ROWS, "Overlapping": [(2, -0.1, 0.2), (1, 0.3, 0.25), (1, 1, 0.1), (0, 0.5, 0.1)], "Single": [(3, 0.2, 0.05)],
         "Equally low": [(1, -0.8, 0), (1, 0, 0), (1, 0.8, 0)]}  # fmt: skip


def open_page(page: Page, app_url: str, query: str = "") -> Locator:
    page.goto(f"{app_url}/one-dimension{query}")
    return drawn(page)


def drawn(page: Page) -> Locator:
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    line = page.locator(".line")
    expect(line).to_have_attribute("data-drawn", re.compile("of"))
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    return line


def picture(line: Locator) -> str:
    return str(line.locator("canvas").evaluate("canvas => canvas.toDataURL()"))


def place(line: Locator, x: float, height: float = 0.3) -> tuple[float, float]:
    """Where x of the plot is on the screen, at a share of the picture's height."""
    box = line.locator("canvas").bounding_box()
    assert box
    return box["x"] + line.evaluate("(e, x) => e.line.frame.X(x)", x), box["y"] + height * box["height"]


def in_address(page: Page, name: str) -> Any:
    return json.loads(parse_qs(urlsplit(page.url).query)[name][0])


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complains of; Streamlit itself asks below every page's path for what lies at the top (404)."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda m: found.append(m.text) if m.type == "error" and "404" not in m.text else None)
    yield found
    assert found == []


# --- mathematics -------------------------------------------------------------------------------------------------


def test_browser_and_library_compute_the_same(page: Page, app_url: str) -> None:
    line = open_page(page, app_url)
    x = [-1.0, -0.53, 0.0, 0.31, 0.9, 4.0]
    points = torch.tensor(x, dtype=torch.float64)[:, None]
    for name, rows in CASES.items():
        mixture, last = one_dimensional(rows), logarithmic(0.7, 1e-3, 9)
        for sigma in (0.01, 0.3, 2.0):
            call = (
                "(e, [rows, sigma, x]) => x.map(x => e.mathematics.derivatives(e.mathematics.smoothed(rows, sigma), x))"
            )
            found = torch.tensor(line.evaluate(call, [rows, sigma, x]), dtype=torch.float64)
            expected = (
                mixture.energy(points, sigma),
                mixture.gradient(points, sigma)[:, 0],
                mixture.hessian(points, sigma)[:, 0, 0],
            )
            torch.testing.assert_close(found, torch.stack(expected, 1), rtol=1e-9, atol=1e-9)
        path = line.evaluate("(e, a) => e.mathematics.flow(...a)", [rows, x, last])
        flow = gnc_flow(mixture, points, last)[..., 0]
        # Halfway between two components that are equally heavy, rounding decides.
        fair = points[:, 0] != 0 if name == "Equally low" else points[:, 0] < 9
        torch.testing.assert_close(torch.tensor(path, dtype=torch.float64)[:, fair], flow[:, fair], rtol=0, atol=1e-7)
        end = 0.0 if mixture.has_density else 1e-3
        found = line.evaluate("(e, rows) => e.mathematics.goals(rows, 0.001)", rows)
        assert found["all"] == pytest.approx(local_minimisers(mixture, end).tolist(), abs=1e-7)
        assert found["lowest"] == pytest.approx(global_minimisers(mixture, end).tolist(), abs=1e-7)
        for sigma in (0.02, 0.5):
            apart, expected = (
                line.evaluate("(e, a) => e.mathematics.takeApart(...a)", [rows, 0.31, sigma]),
                take_apart(mixture, 0.31, sigma),
            )
            for part in ("energy", "gradient", "step", "mean", "deviation"):
                assert apart[part] == pytest.approx(getattr(expected, part), rel=1e-7, abs=1e-9), (name, part)
            seen = expected.posterior
            columns = torch.stack([seen.weights, seen.means[:, 0], seen.covariances.sqrt()], 1)
            posterior = torch.tensor(apart["posterior"], dtype=torch.float64)
            likely = posterior[:, 0] > 1e-9, columns[:, 0] > 1e-9  # the library drops what has no weight
            torch.testing.assert_close(posterior[likely[0]], columns[likely[1]], rtol=1e-7, atol=1e-9)
    for name, schedule in (("logarithmic", logarithmic), ("linear", linear)):
        for steps in (1, 2, 9):
            found = line.evaluate(f"(e, n) => e.mathematics.SCHEDULES.{name}(0.7, 0.001, n)", steps)
            assert found == pytest.approx(schedule(0.7, 1e-3, steps), rel=1e-13)


@pytest.mark.parametrize(("preset", "sigma0", "steps"), [("Five components", 0.2, 32), ("Very many steps", 1.0, 64)])
def test_shares_are_those_of_the_library(page: Page, app_url: str, preset: str, sigma0: float, steps: int) -> None:
    line = open_page(page, app_url, f'?mixture={preset}&sigma0={sigma0}&steps={steps}&plot="schedules"&fixed=0.05')
    mixture, starts = PRESETS[preset], torch.linspace(-1, 1, 401, dtype=torch.float64)[:, None]
    expected = []
    for schedule in (logarithmic(sigma0, 1e-3, steps), linear(sigma0, 1e-3, steps), [0.05] * steps):
        ends = gnc_flow(mixture, starts, schedule)[-1][:, 0]
        expected.append(float((arrived(ends, goals(mixture)) >= 0).double().mean()))
    shown = [float(share) / 100 for share in (line.get_attribute("data-shares") or "").replace(" %", "").split()]
    assert shown == pytest.approx(expected, abs=0.0051)
    line.get_by_role("button", name="Flow", exact=True).click()
    rate = attainment(mixture, [sigma0], [steps])[0, 0]
    expect(line.locator(".message")).to_contain_text(f"{rate:.0%}".replace("%", " % of 401 starts attain"))


# --- what moves --------------------------------------------------------------------------------------------------


def test_play_runs_the_flow_to_its_last_step(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url)
    expect(line.locator(".step-value")).to_contain_text("0 of 32, σ = 0.5")
    line.get_by_role("button", name="Play").click()
    expect(line.locator(".step-value")).to_contain_text("32 of 32, σ = 0.001")
    expect(page).to_have_url(re.compile("reached=32"))


def test_sliders_and_views_need_no_server(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url)
    page.wait_for_timeout(300)
    page.context.set_offline(True)  # whatever changes now, the browser has computed
    seen, canvas = {picture(line)}, line.locator("canvas").element_handle()
    for name, value in (("step", "12"), ("sigma0", "300"), ("steps", "200"), ("starts", "1")):
        line.locator(f"input.{name}").evaluate(
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value
        )
        page.wait_for_function("([canvas, seen]) => !seen.includes(canvas.toDataURL())", arg=[canvas, list(seen)])
        seen.add(picture(line))
    for name in ("E(x, σ)", "Schedules", "One step", "Quiz"):
        line.get_by_role("button", name=name, exact=True).click()
        assert picture(line) not in seen, name
        seen.add(picture(line))
    page.context.set_offline(False)


def test_steps_slider_changes_the_url_and_the_ring_of_the_map(page: Page, app_url: str) -> None:
    line = open_page(page, app_url)
    handle = page.get_by_role("slider", name="Steps")
    handle.focus()
    for _ in range(4):
        handle.press("ArrowRight")
    expect(line.locator(".step-value")).to_contain_text("of 36")
    expect(page).to_have_url(re.compile(r"[?&]steps=36"))
    page.wait_for_function("document.querySelector('.js-plotly-plot').data[1].y[0] === 36")


def test_components_are_dragged_on_the_plot(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url)
    bound = page.get_by_test_id("stMetric").filter(has_text="Paper's bound D")
    expect(bound).to_contain_text("1.600")

    def drag(k: int, kind: str, dx: float, dy: float) -> None:
        box = line.locator("canvas").bounding_box()
        assert box
        handle = line.evaluate("(e, [k, kind]) => e.line.handles.find(h => h.k === k && h.kind === kind)", [k, kind])
        unit = line.evaluate("e => e.line.frame.X(1) - e.line.frame.X(0)")
        x, y = box["x"] + handle["x"], box["y"] + handle["y"]
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + dx * unit / 2, y + dy)
        page.mouse.move(x + dx * unit, y + dy)
        page.mouse.up()

    drag(0, "mean", -0.2, 0)
    assert line.evaluate("e => e.line.rows[0]") == pytest.approx([0.15, -0.95, 0.06], abs=0.011)
    expect(bound).to_contain_text(re.compile(r"1\.(79|80|81)"))  # the server has it
    expect(page).to_have_url(re.compile("components="))
    assert in_address(page, "components") == line.evaluate("e => e.line.rows")
    drag(2, "width", 0.1, 0)
    assert line.evaluate("e => e.line.rows[2]") == pytest.approx([0.35, 0.2, 0.15], abs=0.011)
    drag(4, "mean", 0, -20)
    weight = line.evaluate("e => e.line.rows[4][0]")
    assert weight > 0.2
    page.wait_for_function("rows => location.search.includes(encodeURIComponent(rows))", arg=str(weight))
    # The table has what was dragged, and it comes back with the page.
    rows = line.evaluate("e => e.line.rows")
    page.get_by_role("link", name="Restore").click()
    expect(bound).to_have_count(0)
    page.get_by_role("link", name="One dimension").click()
    assert drawn(page).evaluate("e => e.line.rows") == rows
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(bound).to_contain_text("1.600")
    expect(page).not_to_have_url(re.compile("components="))


def test_a_click_drops_a_start_and_says_where_it_ends(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url, "?sigma0=0.1")
    page.mouse.click(*place(line, -0.6))
    expect(line.locator(".message")).to_contain_text("ends at −0.75 and misses it")
    expect(page).to_have_url(re.compile("drops="))
    assert in_address(page, "drops") == pytest.approx([-0.6], abs=0.011)
    page.mouse.click(*place(line, 0.25))
    expect(line.locator(".message")).to_contain_text("ends at 0.2 and attains it")
    line.get_by_role("button", name="Clear").click()
    expect(page).not_to_have_url(re.compile("drops="))
    expect(line.locator(".message")).to_contain_text("Click on the plot")


def test_a_click_on_the_map_sets_sigma_and_steps(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url)
    map_ = page.locator(".js-plotly-plot").first
    area = map_.locator(".nsewdrag").bounding_box()
    assert area
    page.mouse.move(area["x"] + 0.1 * area["width"], area["y"] + 0.3 * area["height"])
    expect(map_.locator(".hoverlayer")).to_contain_text("steps")
    page.mouse.click(area["x"] + 0.1 * area["width"], area["y"] + 0.3 * area["height"])
    expect(page).to_have_url(re.compile("sigma0=0.0"))
    sigma0, steps = in_address(page, "sigma0"), in_address(page, "steps")
    assert 0.014 < sigma0 < 0.022  # a tenth of the way from 0.01 to 2
    assert 40 < steps < 60
    expect(line.locator(".step-value")).to_contain_text(f"of {steps}, σ = {sigma0:.3g}")
    page.mouse.click(area["x"] + 0.8 * area["width"], area["y"] + 0.6 * area["height"])
    expect(line.locator(".steps-value")).not_to_have_text(str(steps))


def test_a_single_step_is_taken_apart(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url, '?plot="apart"&sigma0=0.5&steps=32&reached=8')
    page.mouse.click(*place(line, -0.1))
    expect(page).to_have_url(re.compile("probe=-0"))
    probe, sigma = in_address(page, "probe"), logarithmic(0.5, 1e-3, 32)[8]
    apart = take_apart(PRESETS["Five components"], probe, sigma)
    text = (line.locator(".message").text_content() or "").replace("−", "-")
    numbers = [float(v) for v in re.findall(r"-?\d+\.?\d*", text.split("x = ")[1])]
    for value in (apart.energy, apart.gradient, apart.step, apart.mean, apart.deviation):
        assert any(number == pytest.approx(value, rel=0.01) for number in numbers), value


def test_the_quiz_asks_before_the_flow_runs(page: Page, app_url: str, complaints: list[str]) -> None:
    line = open_page(page, app_url, '?plot="quiz"&steps=8')
    message = line.locator(".message")
    expect(message).to_contain_text("Where will the start at")
    expect(line.get_by_role("button", name="Play")).to_be_disabled()
    start, sigma0 = line.evaluate("e => [e.line.asked.start, e.line.asked.sigma0]")
    mixture = PRESETS["Five components"]
    end = float(gnc_flow(mixture, [[start]], logarithmic(sigma0, 1e-3, 8))[-1])
    minima = local_minimisers(mixture)
    right = int((minima - end).abs().argmin())
    line.get_by_role("button", name=re.compile(f"^{'ABCDE'[right]}:")).click()
    expect(message).to_contain_text("Right: it ends at")
    expect(message).to_contain_text("1 of 1 right")
    expect(line.locator(".step-value")).to_contain_text("8 of 8")
    line.get_by_role("button", name="Another").click()
    expect(message).to_contain_text("Where will the start at")
    expect(page).to_have_url(re.compile("question=1"))
    page.mouse.click(*place(line, -0.75))  # a minimum is an answer, too
    expect(message).to_contain_text(re.compile("Not A|Right"))


def test_editing_the_table_changes_the_plot(page: Page, app_url: str) -> None:
    line = open_page(page, app_url)
    table = page.get_by_test_id("stDataFrame")
    table.dblclick(position={"x": 120, "y": 52})  # the first mean
    cell = page.locator("#portal input")
    expect(cell).to_be_focused()
    cell.press("ControlOrMeta+a")
    cell.press_sequentially("-0.95", delay=80)
    expect(cell).to_have_value("-0.95")
    cell.press("Enter")
    expect(page).to_have_url(re.compile(r"components="))
    expect(page.get_by_test_id("stMetric").filter(has_text="Paper's bound D")).to_contain_text("1.800")
    assert line.evaluate("e => e.line.rows[0][1]") == -0.95


# --- links, themes, sizes ----------------------------------------------------------------------------------------


def test_link_reproduces_the_page(page: Page, app_url: str, complaints: list[str]) -> None:
    query = '?mixture=GNC+fails&sigma0=1.5&steps=64&reached=7&plot="joint"&starts=5&drops=[0.1]&fixed=0.2&probe=-0.5&question=3'
    line = open_page(page, app_url, query)
    expect(line).to_have_attribute("data-drawn", "joint 7 of 64 1.5 0")
    kept = "e => { const { starts, drops, fixed, probe, question } = e.line; return [starts, drops, fixed, probe, question]; }"
    assert line.evaluate(kept) == [5, [0.1], 0.2, -0.5, 3]
    page.get_by_role("link", name="Two dimensions").click()
    expect(line).to_have_count(0)
    page.get_by_role("link", name="One dimension").click()
    assert drawn(page).get_attribute("data-drawn") == "joint 7 of 64 1.5 0"
    assert in_address(page, "plot") == "joint"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_stand_side_by_side_in_view_and_follow_the_theme(
    visitor: Callable[..., Page], app_url: str, scheme: str
) -> None:
    page = visitor(viewport={"width": 1366, "height": 768}, color_scheme=scheme)
    line = open_page(page, app_url)
    boxes = [part.bounding_box() for part in (line.locator("canvas"), *page.locator(".js-plotly-plot").all())]
    assert len(boxes) == 3
    right = 0.0
    for box in boxes:
        assert box
        assert box["y"] + box["height"] <= 768
        assert box["x"] >= right
        right = box["x"] + box["width"]
    box = line.locator(".message").bounding_box()
    assert box
    assert box["y"] + box["height"] <= 768
    ink = line.evaluate(
        "e => getComputedStyle(e).color.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0)"
    )
    assert (ink < 300) == (scheme == "light")
    assert line.evaluate("e => e.line.ink === getComputedStyle(e).color")


@pytest.mark.parametrize("view", ["flow", "quiz"])
def test_narrow_page_shows_all_of_it(visitor: Callable[..., Page], app_url: str, view: str) -> None:
    page = visitor(viewport={"width": 390, "height": 844}, has_touch=True)
    line = open_page(page, app_url, f'?plot="{view}"')
    for part in (line.locator("canvas"), line.locator(".message"), *page.locator(".js-plotly-plot").all()):
        box = part.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
