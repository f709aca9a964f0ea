"""A fresh explorer whose first visitor follows a link to one of its pages."""

from pathlib import Path

from playwright.sync_api import Page, expect

from .server import explorer


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
