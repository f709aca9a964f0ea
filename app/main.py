"""Entry point of the explorer: `streamlit run app/main.py`."""

import sys
import warnings
from pathlib import Path

import streamlit as st
import torch
from PIL import Image

# Streamlit puts this file's folder on the path; the packages `app` and `gnc_core` lie one above.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from app.session import errors_told, keep_shared  # noqa: E402

torch.backends.cudnn.allow_tf32 = False  # float32 throughout, on a GPU too
# Our own limit of an image's size is stricter than Pillow's and has a sentence of its own.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

st.set_page_config(page_title="GNC explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")

one_dimension = st.Page(
    "views/one_dimension.py",
    title="GNC in one dimension",
    icon=":material/stacked_line_chart:",
    url_path="one-dimension",
)
two_dimensions = st.Page(
    "views/two_dimensions.py",
    title="GNC in two dimensions",
    icon=":material/scatter_plot:",
    url_path="two-dimensions",
)
restore = st.Page(
    "views/restore.py",
    title="Restore an image",
    icon=":material/auto_fix_high:",
    url_path="restore",
)
inside = st.Page(
    "views/inside.py",
    title="Inside the prior",
    icon=":material/grid_view:",
    url_path="inside",
)
maps = st.Page(
    "views/maps.py",
    title="Maps",
    icon=":material/grid_on:",
    url_path="maps",
)
landscape = st.Page(
    "views/landscape.py",
    title="Energy landscape",
    icon=":material/landscape:",
    url_path="landscape",
)
schedules = st.Page(
    "views/schedules.py",
    title="Schedules",
    icon=":material/timeline:",
    url_path="schedules",
)


def start() -> None:
    """The bare address: Streamlit gives its default page no path of its own, so it is this one."""
    st.switch_page(one_dimension, query_params=st.query_params.to_dict())


home = st.Page(start, title="Start", default=True, visibility="hidden")
page = st.navigation([home, one_dimension, two_dimensions, inside, landscape, maps, restore, schedules], position="top")
keep_shared(page.url_path)
with errors_told():
    page.run()
