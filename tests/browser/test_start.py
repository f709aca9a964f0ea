"""The page "Start" in a real browser, and a fresh explorer whose first visitor follows a link to another page."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from app.lessons.start import STEPS

from .reading import failures
from .server import explorer


def test_the_bare_address_plays_the_flow_without_a_network(page: Page, app_url: str) -> None:
    elsewhere: list[str] = []
    page.on(
        "request", lambda r: None if r.url.startswith((app_url, "data:", "blob:", "ws:")) else elsewhere.append(r.url)
    )
    errors = failures(page)
    page.set_viewport_size({"width": 1366, "height": 768})
    page.goto(app_url)
    expect(page.get_by_role("heading", name="Graduated non-convexity")).to_be_visible()
    expect(page.locator(f".rolling[data-step='{STEPS}']")).to_be_visible()
    for door in ("One dimension", "Schedules"):
        expect(page.get_by_test_id("stMain").get_by_role("link", name=door)).to_be_in_viewport()
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(f".rolling[data-step='{STEPS}']")).to_have_count(0)
    expect(page.locator(f".rolling[data-step='{STEPS}']")).to_be_visible()
    expect(page.get_by_text("Computing on")).to_contain_text(re.compile("the CPU|a GPU"))
    assert elsewhere == []
    assert errors == []


def test_scenes_live_in_the_url_and_doors_lead_on(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/?scene=Where+it+fails")
    expect(page.get_by_text("none of the 17 points")).to_be_visible()
    page.get_by_role("radio", name="Hardly smoothed").click()
    expect(page.get_by_text("only 4 of the 17 points")).to_be_visible()
    expect(page).to_have_url(re.compile(r"scene=Hardly\+smoothed"))
    page.get_by_test_id("stMain").get_by_role("link", name="Two dimensions").click()
    expect(page.get_by_role("heading", name="Two dimensions")).to_be_visible()
    expect(page).to_have_url(re.compile("/two-dimensions"))


def test_who_wants_less_motion_sees_the_last_step_and_moves_the_slider(
    visitor: Callable[..., Page], app_url: str
) -> None:
    page = visitor(reduced_motion="reduce", viewport={"width": 390, "height": 844})
    page.goto(app_url)
    rolling = page.locator(".rolling")
    expect(rolling).to_have_attribute("data-step", str(STEPS))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    slider = page.get_by_role("slider", name="Step of the flow")
    slider.focus()
    slider.press("Home")
    expect(rolling).to_have_attribute("data-step", "0")
    expect(rolling.locator("output")).to_have_text("σ = 0.50")


def test_first_visit_may_be_a_link_to_a_page(page: Page, tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with explorer(log) as url:
        page.goto(url + "/restore?image=Coins&noise=0.2&side=96")
        expect(page.get_by_role("heading", name="Restore")).to_be_visible()
        expect(page.get_by_role("link", name="One dimension")).to_be_visible()
        expect(page.get_by_role("combobox", name="Source")).to_have_value("Coins")
        expect(page.get_by_role("slider", name="Noise level")).to_have_value("0.2")
        expect(page.get_by_test_id("stMain").locator("img")).to_have_count(2)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        content = page.get_by_test_id("stMainBlockContainer").bounding_box()
        main = page.get_by_test_id("stMain").bounding_box()
        assert content
        assert main
        assert content["width"] > 0.95 * main["width"]  # the wide layout: not a narrow column in the middle
        page.goto(url + "/restore?image=Coins&side=96&nsteps=inf&seed=1e999&noise=0.2")
        expect(page.get_by_role("spinbutton", name="Steps S")).to_have_value("")
        expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("0")
        expect(page.get_by_role("slider", name="Noise level")).to_have_value("0.2")
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert "Traceback" not in log.read_text()
    assert "Warning" not in log.read_text()
