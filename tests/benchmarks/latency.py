"""Prints how quick the explorer is for one visitor, in headless Chromium, beside a bare Streamlit app in the same run.

Run by hand on an idle machine: `python tests/benchmarks/latency.py --repeats 5`. It is no part of `pytest`.
Targets: first load of a fresh server 4 s, page change 0.5 s, a control 0.3 s, Restore 1 s, its first image 0.5 s; a page 4 MB.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.load import TEN_STEPS
from benchmarks.pages import FIRST, PAGES
from browser.conftest import headless
from browser.server import ROOT, server

BARE = """
import numpy as np
import plotly.graph_objects as go
import streamlit as st


def first():
    draw("first")


def second():
    draw("second")


def draw(key):
    steps = st.slider("Steps", 1, 256, 32)
    x = np.linspace(0, 1, 101)
    st.plotly_chart(go.Figure(go.Scatter(x=x, y=np.sin(steps * x))), key=key)


st.navigation([st.Page(first, title="First"), st.Page(second, title="Second")], position="top").run()
"""
PATIENCE = 180_000  # milliseconds
DRAWN = """keys => {
    const look = (root, selector) => {  // within components, too
        const found = root.querySelector(selector);
        if (found) return found;
        for (const part of root.querySelectorAll('*')) {
            const inside = part.shadowRoot && look(part.shadowRoot, selector);
            if (inside) return inside;
        }
    };
    for (const place of document.querySelectorAll(keys.map(key => `[class*='st-key-${key}']`).join())) {
        const found = look(place, '.main-svg, canvas, img');
        const box = found && found.getBoundingClientRect();
        if (!found || !box.width || !box.height || (found.tagName === 'IMG' && !found.complete)) continue;
        return found.tagName === 'CANVAS' ? found.toDataURL() : found.tagName === 'IMG' ? found.src : found.innerHTML;
    }
    return null;
}"""


class Timed:
    """A tab, and what came over the network."""

    def __init__(self, browser: Browser) -> None:
        self.tab: Tab = browser.new_page(viewport={"width": 1366, "height": 768})
        self.socket_bytes = self.file_bytes = 0
        self._network = self.tab.context.new_cdp_session(self.tab)
        self._network.send("Network.enable")
        self._network.on("Network.webSocketFrameReceived", self._frame)
        self._network.on("Network.loadingFinished", self._file)

    def _frame(self, event: dict) -> None:
        data = event["response"]["payloadData"]  # binary frames come in base64
        self.socket_bytes += len(data) * 3 // 4 if event["response"]["opcode"] == 2 else len(data)

    def _file(self, event: dict) -> None:
        self.file_bytes += int(event["encodedDataLength"])

    def drawn(self, keys: Sequence[str], other_than: str | None = None) -> str:
        """Waits until the figure of one of these keys is drawn and, if asked for, no longer what it was; what it is."""
        self.tab.wait_for_function(
            f"([keys, old]) => {{ const now = ({DRAWN})(keys); return now !== null && now !== old; }}",
            arg=[keys, other_than], timeout=PATIENCE,
        )  # fmt: skip
        found: str = self.tab.evaluate(DRAWN, keys)
        return found

    def rest(self) -> None:
        """Waits until the script is over and the page stands still."""
        self.tab.wait_for_selector("[data-test-script-state=notRunning]", state="attached", timeout=PATIENCE)
        self.tab.wait_for_timeout(700)

    def change(self, title: str, keys: Sequence[str]) -> float:
        """Seconds from the click on a page's name to its main figure, or to its headline where it has none."""
        link = self.tab.get_by_role("link", name=title, exact=True).first
        begin = time.perf_counter()
        link.click()
        if keys:
            self.drawn(keys)
        else:
            self.tab.get_by_role("heading", name=title, exact=True).wait_for(timeout=PATIENCE)
        return time.perf_counter() - begin

    def slide(self, label: str, keys: Sequence[str]) -> float:
        """Seconds from a key on a slider to a figure that differs."""
        handle = self.tab.get_by_role("slider", name=label).first
        handle.focus()
        before = self.drawn(keys)
        begin = time.perf_counter()
        handle.press("ArrowRight")
        self.drawn(keys, before)
        return time.perf_counter() - begin


@contextmanager
def fresh(
    browser: Browser, folder: Path, script: Path, keys: Sequence[str], path: str = ""
) -> Iterator[tuple[Timed, float]]:
    """A tab at a page of a server that has just been started, and the seconds until its figure was there."""
    with server(folder / "log.txt", script, ROOT if script.parent.name == "app" else folder) as one:
        timed = Timed(browser)
        begin = time.perf_counter()
        timed.tab.goto(f"{one.url}/{path}")
        timed.drawn(keys)
        first = time.perf_counter() - begin
        timed.rest()
        yield timed, first
        timed.tab.close()


def restore(timed: Timed, seed: int) -> tuple[float, float]:
    """Seconds from the click on Restore to the first image, and to the result; the page's noise is of this seed."""
    field = timed.tab.get_by_role("spinbutton", name="Seed")
    field.fill(str(seed))
    field.press("Enter")
    timed.drawn(["preview"])
    timed.rest()
    earlier = timed.tab.evaluate(DRAWN, ["curtain"])  # the result of another seed
    begin = time.perf_counter()
    timed.tab.get_by_role("button", name="Restore", exact=True).click()
    timed.drawn(["live", "curtain"], earlier)
    first = time.perf_counter() - begin
    timed.drawn(["curtain"], earlier)
    result = time.perf_counter() - begin
    timed.rest()
    return first, result


def of_bare(browser: Browser, folder: Path, repeats: int) -> dict[str, list[float]]:
    """A bare app's first load, page change and control."""
    script, found = folder / "bare.py", dict[str, list[float]]()
    script.write_text(BARE)
    figures = {title: [title.lower()] for title in ("First", "Second")}
    for _ in range(repeats):
        with fresh(browser, folder, script, figures["First"]) as (timed, first):
            found.setdefault("first load", []).append(first)
            for title in ("Second", "First"):
                found.setdefault("page change", []).append(timed.change(title, figures[title]))
                timed.rest()
            found.setdefault("control", []).append(timed.slide("Steps", figures["First"]))
    return found


def of_explorer(browser: Browser, folder: Path, repeats: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """The same of the explorer, and the bytes of its pages."""
    script, found, sizes = ROOT / "app" / "main.py", dict[str, list[float]](), dict[str, int]()
    for _ in range(repeats):
        with fresh(browser, folder, script, FIRST.keys) as (timed, first):
            found.setdefault("first load", []).append(first)
            sizes["first load, with Streamlit's own files"] = timed.socket_bytes + timed.file_bytes
    with fresh(browser, folder, script, FIRST.keys) as (timed, _):
        timed.tab.wait_for_timeout(10_000)  # the server has loaded what pages need
        url = "/".join(timed.tab.url.split("/")[:3])
        for repeat in range(repeats + 1):
            for page in PAGES:
                before = timed.socket_bytes + timed.file_bytes
                seconds = timed.change(page.title, page.keys)
                timed.rest()
                if repeat:  # before that, the browser loads parts of Streamlit
                    found.setdefault(f"page change: {page.title}", []).append(seconds)
                    sizes[page.title] = timed.socket_bytes + timed.file_bytes - before
        page = next(page for page in PAGES if page.path == "one-dimension")
        timed.change(page.title, page.keys)
        for _ in range(repeats):
            timed.rest()
            found.setdefault("control: Steps of One dimension", []).append(timed.slide("Steps", page.keys))
        timed.tab.goto(f"{url}/restore?{urlencode(TEN_STEPS)}")
        timed.drawn(["preview"])
        for seed in range(repeats + 1):
            first, result = restore(timed, seed + 1)
            if seed:  # before that, the browser loads parts of Streamlit
                found.setdefault("Restore, 256 × 256, foe-l1, ten steps: first image", []).append(first)
                found.setdefault("Restore, 256 × 256, foe-l1, ten steps: result", []).append(result)
    return found, sizes


def target(name: str) -> str:
    starts = {"first load": "4", "page change": "0.5", "control": "0.3"}
    ends = {"first image": "0.5", "result": "1"}
    return next(
        (value for start, value in starts.items() if name.startswith(start)),
        next((value for end, value in ends.items() if name.endswith(end)), ""),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder, headless() as browser:
        bare = of_bare(browser, Path(folder), repeats)
        explorer, sizes = of_explorer(browser, Path(folder), repeats)
    print("| seconds, medians | explorer | longest | bare app | target |\n|---|---|---|---|---|")
    for name, values in explorer.items():
        same = bare.get(name.split(":")[0])
        beside = f"{statistics.median(same):.2f}" if same else ""
        print(f"| {name} | {statistics.median(values):.2f} | {max(values):.2f} | {beside} | {target(name)} |")
    print("\n| page | MB | target |\n|---|---|---|")
    for name, size in sizes.items():
        print(f"| {name} | {size / 1e6:.2f} | 4 |")
    print(f"\nmedians of {repeats}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
