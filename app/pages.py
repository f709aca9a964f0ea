"""The pages, in the order of the lecture: the one list that navigation and *Start* are made from."""

from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage


@dataclass(frozen=True)
class Page:
    """name: of its file in views/, and of its address. icon: of Material Symbols. lesson: what it teaches, in a line."""

    name: str
    title: str
    icon: str
    lesson: str

    @property
    def file(self) -> str:
        return f"views/{self.name}.py"

    def entry(self) -> StreamlitPage:
        """In the navigation, at the address of its name; without its icon, so that all pages find room at 1366 pixels."""
        return st.Page(self.file, title=self.title, url_path=self.name.replace("_", "-"))


PAGES = [
    Page(
        "one_dimension",
        "One dimension",
        "stacked_line_chart",
        "Smooth an energy until it is convex, and follow it down.",
    ),
    Page("two_dimensions", "Two dimensions", "scatter_plot", "Draw a density; see where its energy is not convex."),
    Page("inside", "Inside the prior", "grid_view", "The kernels and potentials of an energy that was learned."),
    Page(
        "landscape", "Energy landscape", "landscape", "The energy around an image: wells at small σ, a bowl at large."
    ),
    Page("maps", "Maps", "grid_on", "Where to start and how many steps: energy and PSNR disagree."),
    Page("restore", "Restore", "auto_fix_high", "Denoise, inpaint and more, step by step, beside other methods."),
    Page("schedules", "Schedules", "timeline", "How σ goes down, and a schedule that is fitted while you watch."),
    Page(
        "training",
        "Training",
        "model_training",
        "A small prior is learned while you watch, and used on the other pages.",
    ),
    Page(
        "sampling",
        "Sampling",
        "casino",
        "Chains through x and σ; how uncertain an inpainting is.",
    ),
    Page(
        "learning",
        "Learning a score",
        "conversion_path",
        "A network learns a score from noisy labels; it is best before the end.",
    ),
]
