"""The page "Restore an image" in a real browser: a restoration from its settings to the downloaded file."""

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from gnc_core import images

from .reading import metric

QUICK = "/restore?image=Cat&side=96&nsteps=4"
A_RUN = 90_000  # milliseconds that a run may take on a busy machine


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("heading", name="Restore an image")).to_be_visible()
    expect(button(page, "Restore")).to_be_enabled()


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def restore(page: Page) -> None:
    button(page, "Restore").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible(timeout=A_RUN)
    expect(page.locator(".js-plotly-plot")).to_have_count(2)


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
    panels = page.locator(".js-plotly-plot").first.locator(".nsewdrag")
    expect(panels).to_have_count(3)
    box = panels.first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 110, box["y"] + 80, steps=5)
    page.mouse.up()
    ranges = "figure => ['xaxis', 'xaxis2', 'xaxis3'].map(name => figure._fullLayout[name].range)"
    page.wait_for_function("document.querySelector('.js-plotly-plot')._fullLayout.xaxis.range[1] < 90")
    first, second, third = page.locator(".js-plotly-plot").first.evaluate(ranges)
    assert first == second == third
    assert first[1] - first[0] < 60


@pytest.mark.parametrize("width", [900, 1800])
def test_no_gap_is_left_below_the_panels(page: Page, app_url: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1000})
    open_page(page, app_url + QUICK)
    restore(page)
    panels = page.locator(".js-plotly-plot").first.locator(".nsewdrag")
    expect(panels).to_have_count(3)
    panel, below = panels.first.bounding_box(), page.get_by_role("button", name="Result (PNG)").bounding_box()
    assert panel
    assert below
    assert 0 < below["y"] - (panel["y"] + panel["height"]) < 50
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
    expect(page.get_by_test_id("stMetric").first).to_be_visible(timeout=A_RUN)
    slider = page.get_by_role("slider", name="Longest side")  # another control does not disturb it
    slider.focus()
    slider.press("ArrowLeft")
    expect(page).to_have_url(re.compile("side=224"))
    expect(button(page, "Stop")).to_be_enabled()
    button(page, "Stop").click()
    expect(page.get_by_role("button", name="Result (PNG)")).to_be_visible(timeout=A_RUN)
    expect(button(page, "Restore")).to_be_enabled()
    expect(page.get_by_test_id("stAlert")).to_contain_text(re.compile(r"Cat.*stopped after \d+"))


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
    page.get_by_text("Inpaint", exact=True).click()
    expect(noise).to_have_count(0)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    page.get_by_text("Denoise", exact=True).click()
    expect(noise).to_have_value("0.202")
    expect(page).to_have_url(re.compile("noise=0.202"))
