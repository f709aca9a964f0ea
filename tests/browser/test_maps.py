"""The page "Maps" in a real browser: maps of a file, a click on a cell, and a sweep of one's own that can be stopped."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from gnc_core import sweeps, zoo
from gnc_core.sweeps import Plan, Result

from .reading import failures, metric

FILE = "/maps?maps=A+sweep+file+(.npz)&image=Cat&side=96"
OWN = "/maps?maps=A+sweep+of+your+own&image=Cat&side=96&grid=Lists+of+your+own"
SIGMA0, STEPS = (0.05, 0.123, 0.3, 0.5), (1, 2, 3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sweep of two images, as if it had been made with the prior foe-l1."""
    weights, names = zoo.weights_hash("foe-l1"), ("a", "b")
    plan = Plan("inpaint", 0.8, "foe-l1", weights, sweeps.SCHEMES, SIGMA0, STEPS, names, ((8, 8),) * 2, "0" * 12)
    result = Result.empty(plan)
    result.initial_energy[:], result.initial_psnr[:], result.initial_ssim[:] = 100, 10, 0.1
    place = np.arange(12, dtype=np.float32).reshape(4, 3, 1)
    result.energy[:], result.psnr[:], result.ssim[:] = 12 - place, 20 + place, 0.5
    sweeps.save(result, tmp_path / "maps.npz")
    return tmp_path / "maps.npz"


def open_file(page: Page, url: str, file: Path) -> None:
    page.goto(url)
    page.get_by_test_id("stMain").locator("input[type=file]").set_input_files(file)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)
    expect(page.locator(".js-plotly-plot").first.locator(".nsewdrag")).to_have_count(4)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def click_cell(page: Page, map: int, sigma0: int, steps: int) -> None:
    """`map`: attainment of the flow, of joint, PSNR of the flow, of joint; the cell by its positions."""
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    cells = page.locator(".js-plotly-plot").first.locator(".nsewdrag").nth(map)
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    assert box
    x, y = box["x"] + box["width"] * (steps + 0.5) / 3, box["y"] + box["height"] * (1 - (sigma0 + 0.5) / 4)
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text(f"σ₀ = {SIGMA0[sigma0]:g}, {STEPS[steps]} step")
    page.mouse.down()
    page.mouse.up()


def settings(page: Page) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(page.url).query))


def test_both_rows_are_in_view_and_a_control_changes_them(page: Page, app_url: str) -> None:
    wrong = failures(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(app_url + "/maps")
    maps = page.locator(".js-plotly-plot").first
    expect(maps.locator(".nsewdrag")).to_have_count(4)
    for box in (cells.bounding_box() for cells in maps.locator(".nsewdrag").all()):
        assert box
        assert box["y"] + box["height"] <= 768
    page.get_by_role("radio", name="Joint").click()
    expect(maps.locator(".nsewdrag")).to_have_count(2)
    expect(page).to_have_url(re.compile("schemes=Joint"))
    assert not wrong


def test_maps_of_a_file_and_what_the_tolerance_does(page: Page, app_url: str, file: Path) -> None:
    open_file(page, app_url + FILE, file)
    assert metric(page, "Joint: highest PSNR") == "31.00 dB"
    attained = page.get_by_test_id("stMetric").filter(has_text="Joint: highest attainment")
    expect(attained).to_contain_text("σ₀ 0.5, 3 steps")  # the last cell alone
    slider = page.get_by_role("slider", name="Tolerance")
    slider.focus()
    slider.press("ArrowRight")
    expect(attained).to_contain_text("σ₀ 0.5, 2 steps")
    expect(page).to_have_url(re.compile("tolerance=1.1"))


def test_a_click_on_a_cell_restores_with_its_setting(page: Page, app_url: str, file: Path) -> None:
    open_file(page, app_url + FILE, file)
    click_cell(page, map=3, sigma0=1, steps=2)
    expect(page.get_by_role("heading", name="Restore")).to_be_visible()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Steps S")).to_have_value("3")
    wanted = {
        "image": "Cat",
        "side": "96",
        "task": "Inpaint",
        "missing": "0.8",
        "scheme": "Joint",
        "nsteps": "3",
        "rate": "0.9",
    }
    assert wanted.items() <= settings(page).items()
    assert settings(page)["smoothing"] == "0.123"
    expect(page.get_by_text("Joint, 3 steps, σ₀ 0.123, rate 0.9, from grey, foe-l1")).to_be_visible()
    # and back: the file is still there, and another cell sets the controls anew
    page.get_by_role("link", name="Maps").click()
    expect(page.get_by_role("combobox", name="Task")).to_have_value("A sweep file (.npz)")
    expect(page.locator(".js-plotly-plot").first.locator(".nsewdrag")).to_have_count(4)
    click_cell(page, map=0, sigma0=2, steps=1)
    chosen = page.locator(
        "p", has_text="GNC flow, 2 steps, σ₀ 0.3, from grey, foe-l1"
    )  # not the legend of the same words
    expect(chosen).to_be_visible()
    wanted |= {"nsteps": "2", "smoothing": "0.3"}
    del wanted["rate"], wanted["scheme"]  # from grey the flow is the default, which a link leaves out
    assert "scheme" not in settings(page)
    assert wanted.items() <= settings(page).items()


def test_a_click_on_a_cell_beyond_the_controls_says_what_was_moved(page: Page, app_url: str, tmp_path: Path) -> None:
    plan = Plan("denoise", 0.6, "foe-l1", "", ("flow",), (0.4, 0.8), (1, 2), ("a",), ((8, 8),), "0" * 12)
    result = Result.empty(plan)
    result.energy[:], result.psnr[:], result.ssim[:] = 10, 20, 0.5
    sweeps.save(result, tmp_path / "far.npz")
    page.goto(app_url + FILE)
    page.get_by_test_id("stMain").locator("input[type=file]").set_input_files(tmp_path / "far.npz")
    cell = page.locator(".js-plotly-plot").first.locator(".nsewdrag").first
    expect(cell).to_be_visible()
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    box = cell.bounding_box()
    assert box
    x, y = box["x"] + 0.75 * box["width"], box["y"] + 0.25 * box["height"]
    page.mouse.move(x, y)
    expect(page.locator(".hoverlayer .hovertext")).to_contain_text("σ₀ = 0.8, 2 step")
    page.mouse.down()
    page.mouse.up()
    expect(page.get_by_text("Noise level 0.6 is beyond")).to_be_visible()
    expect(page.get_by_text("Initial smoothing σ₀ 0.8 is beyond")).to_be_visible()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    assert settings(page)["noise"] == "0.5"
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_name_in_a_file_is_text_on_the_page(page: Page, app_url: str, file: Path, tmp_path: Path) -> None:
    name = "![p](http://a.example/p.png) <b>b</b> **c** $d$ :smile: :red[e] :material/home: www.f.example g@h.example"
    result = sweeps.load(file)
    sweeps.save(replace(result, plan=replace(result.plan, prior=name)), tmp_path / "named.npz")
    open_file(page, app_url + FILE, tmp_path / "named.npz")
    told = page.get_by_test_id("stMain").locator("p", has_text="is not in pretrained/")
    assert name in told.inner_text().replace("\u2060", "")
    assert told.locator("*:not(strong)").count() == 0
    assert told.locator("strong").count() == 1  # of the page's own sentence


def test_an_uploaded_image_goes_with_the_click(page: Page, app_url: str, file: Path, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((90, 70)).save(tmp_path / "mine.png")
    open_file(page, app_url + FILE.replace("Cat", "Upload+an+image"), file)
    page.get_by_test_id("stSidebar").locator("input[type=file]").set_input_files(tmp_path / "mine.png")
    expect(page.get_by_test_id("stSidebar").locator("img")).to_be_visible()
    click_cell(page, map=0, sigma0=0, steps=0)
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    with page.expect_download() as result:
        page.get_by_role("button", name="Result (PNG)").click()
    result.value.save_as(tmp_path / "restored.png")
    assert Image.open(tmp_path / "restored.png").size == (90, 70)


def test_a_sweep_of_ones_own_fills_the_maps(page: Page, app_url: str, tmp_path: Path) -> None:
    page.goto(app_url + OWN + "&sigmas=0.1,0.3&counts=1,2")
    expect(page.get_by_text(re.compile(r"2 × 2 cells .* 12 score steps on 96 × 64 pixels, about"))).to_be_visible()
    button(page, "Start").click()
    expect(page.get_by_role("button", name="Table (CSV)")).to_be_visible()
    with page.expect_download() as table:
        page.get_by_role("button", name="Table (CSV)").click()
    table.value.save_as(tmp_path / "sweep.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "sweep.csv").read_text())))
    assert len(rows) == 1 + 2 * 2 * 2
    best = max(float(row["psnr"]) for row in rows if row["scheme"] == "flow")
    assert metric(page, "GNC flow: highest PSNR") == f"{best:.2f} dB"
    with page.expect_download() as result:
        page.get_by_role("button", name="Sweep (.npz)").click()
    result.value.save_as(tmp_path / "sweep.npz")
    assert sweeps.load(tmp_path / "sweep.npz").complete


def test_stop_ends_a_sweep_and_keeps_what_is_there(page: Page, app_url: str) -> None:
    page.goto(app_url + OWN.replace("side=96", "side=256") + "&sigmas=0.05:0.5:20&counts=1,2,500")
    button(page, "Start").click()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    slider = page.get_by_role("slider", name="Noise level")  # another control does not disturb it
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("noise=0.102"))
    expect(button(page, "Stop")).to_be_enabled()
    button(page, "Stop").click()
    expect(page.get_by_role("button", name="Table (CSV)")).to_be_visible()
    expect(page.get_by_test_id("stAlert").last).to_contain_text(
        "other settings than the controls: Cat, denoise, noise 0.1"
    )
    expect(button(page, "Start")).to_be_enabled()
    slider.focus()
    slider.press("ArrowLeft")
    expect(button(page, "Go on")).to_be_enabled()


def test_link_reproduces_the_settings(page: Page, app_url: str) -> None:
    page.goto(
        app_url + OWN + "&sigmas=0.2&counts=4,8&task=Inpaint&missing=0.7&schemes=Joint&tolerance=2.5&prior=foe-l1"
    )
    expect(page.get_by_text(re.compile("1 × 2 cells of Joint: 15 score steps on 96 × 64 pixels"))).to_be_visible()
    expect(page.get_by_role("slider", name="Share of missing pixels")).to_have_value("0.7")
    expect(page.get_by_role("slider", name="Tolerance")).to_have_value("2.5")
