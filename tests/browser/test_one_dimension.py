"""The page "GNC in one dimension" in a real browser: it draws, animates, and lives in its URL."""

import re

from playwright.sync_api import Page, expect

from .reading import metric


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    expect(page.locator(".js-plotly-plot .slider-label").first).to_be_visible()


def test_play_runs_the_flow_to_its_last_step(page: Page, app_url: str) -> None:
    open_page(page, f"{app_url}/one-dimension")
    label = page.locator(".js-plotly-plot .slider-label").first
    expect(label).to_contain_text("step 0 of 32")
    page.locator(".updatemenu-button").first.click()
    expect(label).to_contain_text("step 32 of 32")


def test_slider_changes_chart_and_url(page: Page, app_url: str) -> None:
    open_page(page, f"{app_url}/one-dimension")
    handle = page.get_by_role("slider", name="Steps")
    handle.focus()
    for _ in range(4):
        handle.press("ArrowRight")
    expect(page.locator(".js-plotly-plot .slider-label").first).to_contain_text("of 36")
    expect(page).to_have_url(re.compile(r"[?&]steps=36"))


def test_link_reproduces_the_page(page: Page, app_url: str) -> None:
    open_page(page, f"{app_url}/one-dimension")
    open_page(page, f"{app_url}/one-dimension?mixture=GNC+fails&sigma0=1.5&steps=64")
    assert metric(page, "Attainment here") == "0%"
    expect(page.locator(".js-plotly-plot .slider-label").first).to_contain_text("of 64")


def test_editing_the_table_changes_the_numbers_and_survives_another_page(page: Page, app_url: str) -> None:
    open_page(page, f"{app_url}/one-dimension")
    table = page.get_by_test_id("stDataFrame")
    table.dblclick(position={"x": 120, "y": 52})  # the first mean
    cell = page.locator("#portal input")
    expect(cell).to_be_focused()
    cell.press("ControlOrMeta+a")
    cell.press_sequentially("-0.95", delay=80)
    expect(cell).to_have_value("-0.95")
    cell.press("Enter")
    expect(page).to_have_url(re.compile(r"components="))
    bound = page.get_by_test_id("stMetric").filter(has_text="Paper's bound D")
    expect(bound).to_contain_text("1.800")
    page.get_by_role("link", name="Restore").click()
    expect(bound).to_have_count(0)
    page.get_by_role("link", name="One dimension").click()
    expect(bound).to_contain_text("1.800")
    page.get_by_role("button", name="Reset components").click()
    expect(bound).to_contain_text("1.600")
    expect(page).not_to_have_url(re.compile(r"components="))
