"""Prints the figures that plotly draws twice: those whose margins it had to enlarge, and by how much.

Run by hand: `python tests/benchmarks/margins.py`. It is no part of `pytest`. In lecture mode, whose type is larger, and where a
legend has more lines on a narrow screen, it may.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from browser.conftest import headless
from browser.server import explorer

# Where figures are, and the button that makes some.
PLACES = (
    ("one-dimension", ""),
    *(
        (f"inside?part={part}", "")
        for part in ("One+kernel", "On+the+image", "Curvature", "Convexity", "Surgery", "Training")
    ),
    ("landscape", ""),
    ("landscape?view=One+direction+and+σ", ""),
    ("maps", ""),
    ("restore?side=96&nsteps=4", "Restore"),
    ("restore?side=96&nsteps=4&views=Error+and+residual", "Restore"),
    ("schedules", ""),
    ("training?kernels=8&kernel-size=3&batch=8&patch=24&iterations=100", "Train"),
    *((f"sampling?part={part}", "") for part in ("Mixture", "Images", "Cost", "Posterior")),
    ("learning?samples=25&units=32&descent=500", "Start"),
    ("learning?learn-from=A+noisy+image&noisy-descent=100", "Start"),
)
ENLARGED = """() => [...document.querySelectorAll('.js-plotly-plot')].filter(figure => figure.clientWidth).map(figure => {
    const layout = figure._fullLayout, sides = [['left', 'l'], ['right', 'r'], ['top', 't'], ['bottom', 'b']];
    const place = [...figure.closest('[class*=st-key-]').classList].find(name => name.startsWith('st-key-'));
    const found = sides.map(([name, side]) => [name, Math.round(layout._size[side] - layout.margin[side])]);
    return [place.replace('st-key-', ''), Object.fromEntries(found.filter(([, more]) => more > 0))];
})"""


def settled(page: Page) -> None:
    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
    expect(page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    page.wait_for_timeout(3000)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as folder,
        explorer(Path(folder) / "log.txt") as url,
        headless() as browser,
    ):
        for width in (1366, 390):
            print(f"{width} pixels", flush=True)
            for place, button in PLACES:
                page = browser.new_page(viewport={"width": width, "height": 1400})
                page.goto(f"{url}/{place}")
                if button:
                    expect(page.locator("[data-test-script-state=notRunning]")).to_be_visible()
                    page.get_by_role("button", name=button, exact=True).click()
                    page.wait_for_timeout(1000)
                settled(page)
                for name, more in page.evaluate(ENLARGED):
                    print(f"  {place}, {name}: {more or 'as it is'}", flush=True)
                page.close()
