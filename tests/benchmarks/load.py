"""Prints how long pages take when many visitors are there at once: real sessions over websockets, without browsers.

Run by hand on an idle machine: `python tests/benchmarks/load.py --visitors 30 --seconds 180`. It is no part of `pytest`.
Each visitor goes to a random page with random settings, waits until its main figure has come, looks at it for one to four
seconds, and goes on. With `--processes N` there are N servers, and a visitor stays on one of them, as behind a balancer.
Target: with 30 visitors and two cores, 95 % of the visits to every page under 3 s, no error.

`--long` times ten steps of one visitor while another one's long restoration runs, and how long the server goes on computing for a
visitor who has left. `--memory` prints the server's memory after many pages and restorations beside that after the first of them.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.pages import PAGES, Page
from benchmarks.visitor import Visitor
from browser.server import Server, server

LOOKS = 1.0, 4.0  # seconds at a page
TEN_STEPS = {"image": "Cameraman", "side": "256", "prior": "foe-l1", "scheme": "GNC flow", "nsteps": "10"}
LONG = {"image": "Cameraman", "side": "512", "prior": "foe-l3", "scheme": "Joint", "nsteps": "1000"}
LIVE, RESULT = ("live",), ("curtain",)


@dataclass
class Tally:
    """Seconds until the main figure was there, by page, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    received: int = 0


async def visit(url: str, pages: list[Page], random: Random, until: float, tally: Tally) -> None:
    """A visitor who goes from page to page."""
    await asyncio.sleep(random.uniform(0, LOOKS[1]))
    async with Visitor(url) as visitor:
        page = None
        while time.monotonic() < until:
            page = random.choice([other for other in pages if other is not page])
            settings = page.settings(random)
            begin = time.monotonic()
            try:
                await visitor.open(page.path, settings)
                await visitor.until(lambda keys=page.keys: visitor.shows(keys) or bool(visitor.errors))
                if not visitor.errors:
                    tally.seconds[page.title].append(time.monotonic() - begin)
                await visitor.stay(random.uniform(*LOOKS))
            except Exception as error:
                visitor.errors.append(f"{page.title}: {error!r}")
            if visitor.errors:
                tally.errors += [f"{message} ({settings})" for message in visitor.errors]
                visitor.errors.clear()
        tally.received += visitor.received


async def crowd(servers: list[Server], pages: list[Page], visitors: int, seconds: float, seed: int) -> Tally:
    """Many at once. What every fresh server does once, such as importing PyTorch, is done by a visitor before them."""
    for one in servers:
        await visit(one.url, pages, Random(seed), time.monotonic() + 20, Tally())
    tally, until = Tally(), time.monotonic() + seconds
    await asyncio.gather(
        *(visit(servers[k % len(servers)].url, pages, Random(seed + 1 + k), until, tally) for k in range(visitors))
    )
    return tally


def table(seconds: dict[str, list[float]]) -> str:
    """Median and 95th percentile, a row a page."""
    rows = ["| page | visits | median, s | 95 %, s | longest, s |", "|---|---|---|---|---|"]
    for title, values in [*seconds.items(), ("all", [value for page in seconds.values() for value in page])]:
        last = sorted(values)[min(len(values) - 1, int(0.95 * len(values)))]
        rows.append(f"| {title} | {len(values)} | {statistics.median(values):.2f} | {last:.2f} | {max(values):.2f} |")
    return "\n".join(rows)


# --- one visitor beside another ----------------------------------------------------------------------------------


async def ten_steps(visitor: Visitor, seed: int) -> float:
    """The seconds from the click on Restore to the result."""
    await visitor.open("restore", TEN_STEPS | {"seed": str(seed)})
    await visitor.until(lambda: visitor.finished)
    await visitor.press("Restore")
    taken = await visitor.until(lambda: visitor.shows(RESULT))
    await visitor.open("two-dimensions")
    await visitor.until(lambda: visitor.finished)
    return taken


def family(pid: int) -> list[int]:
    """A process and those that it has started."""
    return [
        pid,
        *(int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()),
    ]


def cpu_seconds(pid: int) -> float:
    """What a process and those that it has started have computed so far."""
    stats = [Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split() for member in family(pid)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


async def goes_on(pid: int) -> float:
    """For how long a process computes from now on: until it is idle for half a second."""
    begin = busy = time.monotonic()
    before = cpu_seconds(pid)
    while time.monotonic() - busy < 0.5:
        await asyncio.sleep(0.05)
        now = cpu_seconds(pid)
        if now - before > 0.025:  # more than half of a core
            busy = time.monotonic()
        before = now
    return busy - begin


async def beside(one: Server) -> None:
    """A short restoration beside a long one, and what becomes of the long one when its visitor leaves."""
    async with Visitor(one.url) as short, Visitor(one.url) as long:
        await short.open()
        await short.until(lambda: short.finished)
        await long.open()
        await long.until(lambda: long.finished)
        alone = [await ten_steps(short, seed) for seed in range(4)][1:]
        await long.open("restore", LONG)
        await long.until(lambda: long.finished)
        await long.press("Restore")
        await long.until(lambda: long.shows(LIVE))
        task = asyncio.create_task(long.stay(1000))
        together = [await ten_steps(short, seed) for seed in range(10, 16)]
        task.cancel()
        print(f"ten steps alone: median {statistics.median(alone):.2f} s, longest {max(alone):.2f} s")
        print(f"beside a long restoration: median {statistics.median(together):.2f} s, longest {max(together):.2f} s")
    print(f"after both have left, the server computes for {await goes_on(one.pid):.2f} s")


# --- memory ------------------------------------------------------------------------------------------------------


def resident(pid: int) -> float:
    """The resident memory of a process and of those that it has started, in MB."""
    pages = sum(int(Path(f"/proc/{member}/statm").read_text().split()[1]) for member in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def pages(url: str, random: Random, count: int) -> None:
    """So many pages, by visitors who each look at ten."""
    for _ in range(0, count, 10):
        async with Visitor(url) as visitor:
            for page in random.choices(PAGES, k=10):
                await visitor.open(page.path, page.settings(random))
                await visitor.until(lambda keys=page.keys: visitor.shows(keys) or bool(visitor.errors))
                if visitor.errors:
                    raise RuntimeError(visitor.errors)


async def restorations(url: str, seeds: Iterable[int]) -> None:
    """A restoration of another image each, by visitors who restore five."""
    seeds = list(seeds)
    for k in range(0, len(seeds), 5):
        async with Visitor(url) as visitor:
            await visitor.open()
            await visitor.until(lambda: visitor.finished)
            for seed in seeds[k : k + 5]:
                await ten_steps(visitor, seed)


async def memory(one: Server) -> None:
    random = Random(0)
    await pages(one.url, random, 100)
    await restorations(one.url, range(20))
    before = resident(one.pid)
    print(f"after 100 pages and 20 restorations: {before:.0f} MB", flush=True)
    for part in range(1, 10):
        await pages(one.url, random, 100)
        await restorations(one.url, range(20 * part, 20 * part + 20))
        now = resident(one.pid)
        print(f"after {100 * part + 100} and {20 * part + 20}: {now:.0f} MB, {now / before - 1:+.0%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--processes", type=int, default=1, help="servers that the visitors are shared among")
    parser.add_argument("--pages", help="addresses of two pages or more, with commas between them; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--long", action="store_true", help="instead: a short restoration beside a long one")
    parser.add_argument("--memory", action="store_true", help="instead: memory after 1,000 pages and 200 restorations")
    options = parser.parse_args()
    chosen = [page for page in PAGES if not options.pages or page.path in options.pages.split(",")]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        logs = [Path(folder) / f"{k}.txt" for k in range(1 if options.long or options.memory else options.processes)]
        servers = [stack.enter_context(server(log)) for log in logs]
        try:
            if options.long:
                asyncio.run(beside(servers[0]))
            elif options.memory:
                asyncio.run(memory(servers[0]))
            else:
                computed = [cpu_seconds(one.pid) for one in servers]
                tally = asyncio.run(crowd(servers, chosen, options.visitors, options.seconds, options.seed))
                print(f"{options.visitors} visitors, {options.seconds:g} s, {options.processes} process(es)\n")
                print(table({page.title: tally.seconds[page.title] for page in PAGES if tally.seconds[page.title]}))
                spent = sum(cpu_seconds(one.pid) - before for one, before in zip(servers, computed, strict=True))
                visits = sum(map(len, tally.seconds.values()))
                print(f"\n{len(tally.errors)} errors; {tally.received / 1e6 / max(visits, 1):.2f} MB and ", end="")
                print(f"{spent / max(visits, 1):.2f} s of computing a visit; ", end="")
                print(f"load {os.getloadavg()[0]:.1f}; {sum(resident(one.pid) for one in servers):.0f} MB")
                print(*tally.errors[:20], sep="\n")
        finally:
            for log in logs:
                if "Traceback" in (text := log.read_text()):
                    print(text[-3000:])


if __name__ == "__main__":
    main()
