"""The page "Restore an image" in a real browser: a restoration from its settings to the downloaded file."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from gnc_core import images

from .reading import metric

QUICK = "/restore?image=Cat&side=96&nsteps=4"


def choose_task(page: Page, name: str) -> None:
    page.get_by_role("combobox", name="Task").click()
    page.get_by_role("option", name=name, exact=True).click()


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Restore")).to_be_visible()
    expect(button(page, "Restore")).to_be_enabled()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


def panels_of(page: Page) -> Locator:
    """The linked panels of "Side by side"."""
    tab(page, "Side by side")
    return page.locator(".st-key-panels .js-plotly-plot")


def restore(page: Page) -> None:
    button(page, "Restore").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(1)


def test_link_opens_the_page_with_its_settings(page: Page, app_url: str) -> None:
    open_page(page, app_url + "/restore?image=Coins&task=Inpaint&missing=0.7&scheme=Joint&nsteps=7&color=true")
    expect(page.get_by_role("slider", name="Share of missing pixels")).to_have_value("0.7")
    expect(page.get_by_role("spinbutton", name="Steps S")).to_have_value("7")
    expect(page.get_by_role("combobox", name="Scheme")).to_have_value("Joint")
    expect(page.get_by_test_id("stMain").locator("img")).to_have_count(2)


def test_restoration_runs_to_its_end_and_can_be_downloaded(page: Page, app_url: str, tmp_path: Path) -> None:
    open_page(page, app_url + QUICK)
    restore(page)
    assert float(metric(page, "PSNR")) > 15
    with page.expect_download() as picture:
        page.get_by_role("button", name="Result (PNG)").click()
    picture.value.save_as(tmp_path / "restored.png")
    height, width = images.shrink(images.load_sample("Cat"), 96).shape[-2:]
    assert Image.open(tmp_path / "restored.png").size == (width, height)
    with page.expect_download() as trace:
        page.get_by_role("button", name="Trace (CSV)").click()
    trace.value.save_as(tmp_path / "trace.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "trace.csv").read_text())))
    assert [row["step"] for row in rows] == ["0", "1", "2", "3", "4"]
    assert f"{float(rows[-1]['psnr']):.2f}" == metric(page, "PSNR")


def test_panels_zoom_together(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    restore(page)
    figure = panels_of(page)
    panels = figure.locator(".nsewdrag")
    expect(panels).to_have_count(3)
    box = panels.first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 80, steps=5)
    page.mouse.up()
    ranges = "figure => ['xaxis', 'xaxis2', 'xaxis3'].map(name => figure._fullLayout[name].range)"
    page.wait_for_function("document.querySelector('.st-key-panels .js-plotly-plot')._fullLayout.xaxis.range[1] < 90")
    first, second, third = figure.evaluate(ranges)
    assert first == second == third
    assert first[1] - first[0] < 60


@pytest.mark.parametrize("width", [900, 1800])
def test_no_gap_is_left_below_the_panels(page: Page, app_url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    open_page(page, app_url + QUICK)
    restore(page)
    figure = panels_of(page)
    panels = figure.locator(".nsewdrag")
    expect(panels).to_have_count(3)
    panel, whole = panels.first.bounding_box(), figure.bounding_box()
    assert panel
    assert whole
    assert 0 < whole["y"] + whole["height"] - (panel["y"] + panel["height"]) < 50
    assert panel["width"] / panel["height"] == pytest.approx(96 / 64, rel=0.05)


def test_control_changes_the_picture_and_the_url_but_starts_nothing(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    degraded = page.get_by_test_id("stMain").locator("img").nth(1)
    before = degraded.get_attribute("src")
    slider = page.get_by_role("slider", name="Noise level")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile("noise=0.102"))
    expect(degraded).not_to_have_attribute("src", before or "")
    expect(page.get_by_test_id("stMetric")).to_have_count(0)


def test_stop_ends_a_run_and_keeps_what_it_reached(page: Page, app_url: str) -> None:
    open_page(page, app_url + "/restore?image=Cat&side=256&nsteps=1000&scheme=GNC+flow")
    button(page, "Restore").click()
    expect(page.get_by_test_id("stMetric").first).to_be_visible()
    slider = page.get_by_role("slider", name="Longest side")  # another control does not disturb it
    slider.focus()
    slider.press("ArrowLeft")
    expect(page).to_have_url(re.compile("side=224"))
    expect(button(page, "Stop")).to_be_enabled()
    button(page, "Stop").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    expect(button(page, "Restore")).to_be_enabled()
    expect(page.get_by_test_id("stAlert")).to_contain_text(re.compile(r"Cat.*stopped after \d+"))


def test_stop_does_not_wait_for_a_baseline(page: Page, app_url: str) -> None:
    open_page(page, app_url + "/restore?image=Astronaut&side=512&task=Inpaint&missing=0.9&nsteps=1")
    button(page, "Compare").click()
    expect(page.get_by_text("Biharmonic inpainting runs in one piece")).to_be_visible()
    button(page, "Stop").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible()
    expect(button(page, "Restore")).to_be_enabled()
    expect(page.get_by_text("Joint, 1 step").first).to_be_visible()
    expect(page.get_by_text("Biharmonic inpainting")).to_have_count(0)


def test_box_drawn_on_the_image_is_missing(page: Page, app_url: str) -> None:
    page.goto(app_url + QUICK + "&task=Inpaint&mask=Boxes")
    expect(page.get_by_test_id("stAlert")).to_contain_text("no box yet")
    expect(button(page, "Restore")).to_be_disabled()
    box = page.locator(".js-plotly-plot .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    expect(button(page, "Restore")).to_be_enabled()
    left, top, width, height = json.loads(parse_qs(urlsplit(page.url).query)["boxes"][0])[0]
    assert abs(left - 24) <= 2
    assert abs(width - 24) <= 2
    assert abs(top - 16) <= 2
    assert abs(height - 16) <= 2


def test_file_that_is_no_image_is_one_sentence(page: Page, app_url: str, tmp_path: Path) -> None:
    page.goto(app_url + "/restore?image=Upload+an+image")
    expect(page.get_by_test_id("stAlert")).to_contain_text("Upload the file")
    (tmp_path / "notes.png").write_text("no picture")
    page.locator("input[type=file]").set_input_files(tmp_path / "notes.png")
    expect(page.get_by_test_id("stAlert")).to_have_text(
        "notes.png is not an image; PNG, JPEG, TIFF, WebP, BMP, GIF, PPM, PGM and .npy can be read."
    )
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_hidden_control_comes_back_as_it_was(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK + "&noise=0.2")
    noise = page.get_by_role("slider", name="Noise level")
    noise.focus()
    noise.press("ArrowRight")
    expect(page).to_have_url(re.compile("noise=0.202"))
    choose_task(page, "Inpaint")
    expect(noise).to_have_count(0)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    choose_task(page, "Denoise")
    expect(noise).to_have_value("0.202")
    expect(page).to_have_url(re.compile("noise=0.202"))


# --- what moves in the browser -----------------------------------------------------------------------------------


@pytest.fixture
def quiet(page: Page) -> Iterator[Page]:
    """The page, on whose console no error may appear; Streamlit itself asks for two addresses that are not there."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert [error for error in errors if "404 (Not Found)" not in error] == []


def count_reruns(page: Page) -> list[str]:
    """What the browser sends to the server from now on."""
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append(socket.url)))
    return sent


def test_curtain_and_film_move_without_a_rerun(quiet: Page, app_url: str) -> None:
    page = quiet
    sent = count_reruns(page)
    open_page(page, app_url + QUICK)
    restore(page)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    before = len(sent)
    assert before > 0

    curtain = page.locator(".curtain")
    expect(curtain.locator("img")).to_have_count(2)
    handle = curtain.get_by_role("slider", name="Curtain")
    expect(handle).to_have_attribute("aria-valuenow", "50")
    box = curtain.bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(96 / 64, rel=0.02)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20, steps=4)
    page.mouse.up()
    expect(handle).to_have_attribute("aria-valuenow", "25")
    assert "25" in curtain.locator("img").nth(1).evaluate("image => image.style.clipPath")
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 20)  # without a button: the handle stays
    handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", "27")
    page.wait_for_timeout(500)
    assert len(sent) == before

    tab(page, "Steps")
    film = page.locator(".film")
    expect(film.locator("button")).to_have_count(5)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    before = len(sent)
    text = film.locator(".text")
    expect(text).to_contain_text("Step 4 of 4")
    last = film.locator(".large").get_attribute("src")
    slider = film.get_by_role("slider", name="Step")
    slider.focus()
    slider.press("ArrowLeft")
    expect(text).to_contain_text("Step 3 of 4")
    assert film.locator(".large").get_attribute("src") != last
    film.locator("button").first.click()
    expect(text).to_contain_text("Start")
    assert re.search(r"PSNR \d+\.\d\d dB", text.inner_text())
    page.wait_for_timeout(500)
    assert len(sent) == before
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()


def test_another_result_moves_into_curtain_and_film(quiet: Page, app_url: str) -> None:
    page = quiet
    open_page(page, app_url + QUICK)
    button(page, "Compare").click()
    expect(page.get_by_text("Wavelets", exact=True).first).to_be_visible()
    restored = page.locator(".curtain img").nth(1)
    wavelets = restored.get_attribute("src")
    page.get_by_role("button", name=re.compile("GNC flow, 4 steps")).or_(
        page.get_by_role("radio", name=re.compile("GNC flow, 4 steps"))
    ).first.click()
    expect(restored).not_to_have_attribute("src", wavelets or "")
    tab(page, "Steps")
    expect(page.locator(".film button")).to_have_count(5)
    expect(page.locator(".film")).to_have_count(1)
    tab(page, "Error and residual")
    expect(page.locator(".st-key-differences .js-plotly-plot .nsewdrag")).to_have_count(2)


def test_blind_mode_shows_what_it_estimates(quiet: Page, app_url: str) -> None:
    page = quiet
    open_page(page, app_url + QUICK + "&scheme=Joint")
    page.get_by_test_id("stCheckbox").filter(has_text="Blind").locator("label").click()
    expect(page).to_have_url(re.compile("blind=true"))
    restore(page)
    assert 0.05 < float(metric(page, "Noise level, estimated")) < 0.2
    curves = page.locator(".st-key-curves .js-plotly-plot")
    expect(curves.locator(".annotation-text").filter(has_text="Smoothing σ")).to_be_visible()
    expect(curves.locator(".textpoint").filter(has_text="true σₙ: 0.1")).to_be_visible()


def test_the_table_of_all_runs_is_a_file_too(quiet: Page, app_url: str, tmp_path: Path) -> None:
    page = quiet
    open_page(page, app_url + QUICK)
    button(page, "Compare").click()
    expect(page.get_by_text("Wavelets", exact=True).first).to_be_visible()
    tab(page, "All runs")
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    with page.expect_download() as table:
        page.get_by_role("button", name="Table (CSV)").click()
    table.value.save_as(tmp_path / "runs.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "runs.csv").read_text())))
    assert [row["method"] for row in rows][:3] == ["Wavelets", "Non-local means", "Total variation"]
    assert len(rows) == 6
    best = max(float(row["psnr"]) for row in rows)
    assert f"{best:.2f}" == metric(page, "PSNR")  # the page ends with the best result on show


def test_the_settings_can_be_copied(quiet: Page, app_url: str, tmp_path: Path) -> None:
    page = quiet
    open_page(page, app_url + QUICK + "&scheme=GNC+flow")
    page.get_by_text("As code").click()
    command = page.get_by_test_id("stCode").first
    expect(command).to_contain_text("gnc restore denoise --input image.npy")
    # While the script runs, Streamlit may have taken the last run's file away, and not have this one's yet.
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    with page.expect_download() as image:
        page.get_by_role("button", name="image.npy").click()
    image.value.save_as(tmp_path / "image.npy")
    truth = images.shrink(images.load_sample("Cat"), 96)
    assert (images.read_image(tmp_path / "image.npy") == truth).all()


# --- how it looks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("image", ["Cat", "Astronaut"])
def test_the_figures_are_in_view_on_a_small_screen(
    visitor: Callable[..., Page], app_url: str, image: str, color_scheme: Literal["light", "dark"]
) -> None:
    page = visitor(viewport={"width": 1366, "height": 768}, color_scheme=color_scheme)
    open_page(page, f"{app_url}/restore?image={image}&side=96&nsteps=4")
    pictures = page.locator(".st-key-preview img")
    expect(pictures).to_have_count(2)
    assert all(bottom(picture) <= 768 for picture in pictures.all())
    restore(page)
    assert bottom(page.locator(".curtain")) <= 768
    assert bottom(page.locator(".st-key-curves .js-plotly-plot")) <= 768
    tab(page, "Side by side")
    assert bottom(page.locator(".st-key-panels .js-plotly-plot")) <= 768
    tab(page, "Error and residual")
    assert bottom(page.locator(".st-key-differences .js-plotly-plot")) <= 768
    tab(page, "Steps")
    expect(page.locator(".film button").last).to_be_visible()
    assert bottom(page.locator(".film")) <= 768


def bottom(found: Locator) -> float:
    expect(found).to_be_visible()
    box = found.bounding_box()
    assert box
    return box["y"] + box["height"]


@pytest.mark.parametrize("width", [390, 1366])
def test_the_bar_of_a_figure_covers_no_title(page: Page, app_url: str, width: int) -> None:
    page.set_viewport_size({"width": 1366, "height": 768})
    open_page(page, app_url + QUICK)
    restore(page)
    page.set_viewport_size({"width": width, "height": 768})
    page.wait_for_timeout(500)
    for name, key in (
        ("Curtain and curves", "curves"),
        ("Side by side", "panels"),
        ("Error and residual", "differences"),
    ):
        tab(page, name)
        figure = page.locator(f".st-key-{key} .js-plotly-plot")
        figure.hover()
        bar = figure.locator(".modebar").bounding_box()
        assert bar
        for title in figure.locator(".annotation-text").all():
            box = title.bounding_box()
            assert box
            apart = box["x"] + box["width"] <= bar["x"] or box["y"] >= bar["y"] + bar["height"]
            assert apart or box["y"] + box["height"] <= bar["y"], (name, title.text_content())


def test_a_narrow_screen_shows_all_of_a_result(page: Page, app_url: str) -> None:
    open_page(page, app_url + QUICK)
    restore(page)
    page.set_viewport_size({"width": 390, "height": 844})
    for found in (page.locator(".curtain"), page.locator(".st-key-curves .js-plotly-plot")):
        box = found.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 391
