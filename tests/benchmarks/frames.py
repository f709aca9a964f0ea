"""Prints, for every pretrained prior, how often a second the curves of the page Inside the prior change while its slider is
dragged, beside the frames that the browser draws in that time, and how much the page takes over the network.

Run by hand on an idle machine: `python tests/benchmarks/frames.py`. It is no part of `pytest`. Target: 30 a second, 4 MB.
"""

import math
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, expect

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from browser.conftest import headless
from browser.server import explorer

from gnc_core import zoo

SECONDS = 6.0
COUNT = """() => {
    const path = () => document.querySelector('.st-key-kernels .scatterlayer .js-line').getAttribute('d');
    const seen = window.seen = {frames: 0, changes: 0, last: path()};
    const look = () => {
        const now = path();
        seen.frames += 1;
        seen.changes += now !== seen.last;
        seen.last = now;
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""


def open_page(page: Page, url: str) -> int:
    """The bytes that came before the page stood still."""
    came = [0]
    page.on("websocket", lambda socket: socket.on("framereceived", lambda data: came.append(len(data))))
    page.goto(url)
    expect(page.locator(".js-plotly-plot").nth(3)).to_be_visible(timeout=120_000)
    expect(page.locator(".slider-label").first).to_be_visible(timeout=120_000)
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible(timeout=120_000)
    page.wait_for_timeout(3000)
    return sum(came)


def drag(page: Page) -> tuple[float, float]:
    """Changes and frames a second, while the slider goes to and fro, twice a second."""
    rail = page.locator(".slider-rail-rect").bounding_box()
    assert rail
    height = rail["y"] + rail["height"] / 2
    page.mouse.move(rail["x"] + 3, height)
    page.mouse.down()
    page.evaluate(COUNT)
    begin = time.perf_counter()
    while (passed := time.perf_counter() - begin) < SECONDS:
        share = (1 - math.cos(4 * math.pi * passed)) / 2
        page.mouse.move(rail["x"] + 3 + share * (rail["width"] - 6), height)
    changes, frames = page.evaluate("() => [window.seen.changes, window.seen.frames]")
    passed = time.perf_counter() - begin
    page.mouse.up()
    return changes / passed, frames / passed


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        explorer(Path(folder) / "log.txt") as url,
        headless() as browser,
    ):
        for name in zoo.names():
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            size = open_page(page, f"{url}/inside?prior={name}&image=Cat")
            changes, frames = drag(page)
            print(f"{name}: {changes:.0f} changes, {frames:.0f} frames a second; {size / 1e6:.2f} MB", flush=True)
            page.close()
