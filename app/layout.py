"""What all pages have in common to look at: little room above the figures."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

STYLE = """<style>
.stMainBlockContainer { padding: 4rem 1.5rem 1rem; }
.stMainBlockContainer .stVerticalBlock { gap: 0.6rem; }
.stMainBlockContainer h1 { font-size: 1.6rem; padding: 0; }
.stMainBlockContainer h3 { font-size: 1.15rem; padding: 0.2rem 0 0; }
.stMetric [data-testid="stMetricValue"] { font-size: 1.4rem; line-height: 1.3; }
.stMetric > div { display: grid; grid-template-columns: auto auto; column-gap: 0.5rem; align-items: center; }
.stMetric [data-testid="stMetricLabel"] { grid-column: 1 / -1; }
.st-key-preview img, .st-key-live img { max-height: calc(100vh - 190px); object-fit: contain; object-position: left; }
.st-key-live img { max-height: max(240px, calc(100vh - 300px)); }
.stSidebar [data-testid="stSidebarHeader"] { height: 2.5rem; margin: 0; }
.stSidebar .stVerticalBlock { gap: 0.7rem; }
</style>"""

# Plotly's bar appears at the upper right while the mouse is on a figure: few buttons leave the titles, on the left, free. A drag
# zooms, one with the shift key pans.
FIGURE = {
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d", "zoom2d", "pan2d"],
}


def headline(title: str, text: str) -> DeltaGenerator:
    """The page's title with `text` behind its question mark, and little room around it; returns the row that it stands in,
    where the page's buttons find a place."""
    st.html(STYLE)
    row = st.container(horizontal=True, vertical_alignment="center", key="headline")
    row.title(title, help=text, width="content", anchor=False)
    return row
