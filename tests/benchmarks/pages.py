"""The explorer's pages for what is timed: where they are, what their main figure is, and settings to visit them with."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from gnc_core import images, zoo
from gnc_core.choices import SCHEMES

Settings = dict[str, str]


@dataclass(frozen=True)
class Page:
    """title: in the navigation. path: in the address. keys: that of the main figure, or of the container that it is in, begins
    with one of these; there are none where no figure is seen before a button is pressed. settings: random ones, by their names
    in the address."""

    title: str
    path: str
    keys: tuple[str, ...]
    settings: Callable[[Random], Settings]


def number(random: Random, low: float, high: float, step: float) -> str:
    """A value that a slider from `low` on takes."""
    return f"{low + step * random.randint(0, round((high - low) / step)):.10g}"


def prior_and_image(random: Random) -> Settings:
    return {"prior": random.choice(zoo.names()), "image": random.choice(list(images.sample_images()))}


def start(random: Random) -> Settings:
    return {}


def one_dimension(random: Random) -> Settings:
    names = ["Five components", "Very many steps", "GNC fails", "Dirac components"]
    return {
        "mixture": random.choice(names),
        "sigma0": number(random, 0.01, 2, 0.01),
        "steps": number(random, 1, 256, 1),
        "starts": str(random.choice([5, 9, 11, 21, 41, 81])),
    }


def two_dimensions(random: Random) -> Settings:
    return {"length": number(random, 1, 128, 1), "blur": number(random, 0.1, 1, 0.01)}


def inside(random: Random) -> Settings:
    return prior_and_image(random) | {"kernel": number(random, 1, 48, 1), "noisy": random.choice(["true", "false"])}


def landscape(random: Random) -> Settings:
    return prior_and_image(random) | {
        "view": random.choice(["Two directions", "One direction and σ"]),
        "noise": number(random, 0.02, 0.4, 0.01),
    }


def maps(random: Random) -> Settings:
    return {
        "image": random.choice(list(images.sample_images())),
        "tolerance": number(random, 0.1, 10, 0.1),
        "schemes": random.choice(["Both", SCHEMES["flow"], SCHEMES["joint"]]),
    }


def restore(random: Random) -> Settings:
    return prior_and_image(random) | {
        "noise": number(random, 0.02, 0.4, 0.005),
        "seed": number(random, 0, 1000, 1),
        "side": number(random, 64, 512, 32),
        "scheme": random.choice(list(SCHEMES.values())),
    }


def schedules(random: Random) -> Settings:
    return {
        "prior": random.choice(zoo.names()),
        "noise": number(random, 0.02, 0.4, 0.005),
        "nsteps": number(random, 1, 20, 1),
    }


def training(random: Random) -> Settings:
    return {}


def sampling(random: Random) -> Settings:
    return {
        "mixture": random.choice(["Five components", "Very many steps", "GNC fails", "Dirac components"]),
        "moves": number(random, 10, 200, 10),
        "draw-seed": number(random, 0, 1000, 1),
    }


def learning(random: Random) -> Settings:
    return {"learn-seed": number(random, 0, 1000, 1), "arrows-at": number(random, 0.1, 1.0, 0.05)}


FIRST = Page("Start", "", ("rolling",), start)  # what the bare address shows
PAGES = [
    FIRST,
    Page("One dimension", "one-dimension", ("flow",), one_dimension),
    Page("Two dimensions", "two-dimensions", ("plane",), two_dimensions),
    Page("Inside the prior", "inside", ("kernels",), inside),
    Page("Energy landscape", "landscape", ("landscape", "live"), landscape),
    Page("Maps", "maps", ("maps",), maps),
    Page("Restore", "restore", ("preview", "curtain"), restore),
    Page("Schedules", "schedules", ("schedules",), schedules),
    Page("Training", "training", (), training),
    Page("Sampling", "sampling", ("sampling", "live"), sampling),
    Page("Learning a score", "learning", ("arrows-1",), learning),
]
