"""Entry point of the explorer: `streamlit run app/main.py`."""

import gc
import sys
import warnings
from pathlib import Path

import streamlit as st
import torch
from PIL import Image
from starlette.formparsers import MultiPartParser
from streamlit.navigation.page import StreamlitPage

# Streamlit puts this file's folder on the path; the packages `app` and `gnc_core` lie one above.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from app.drawing import forget_figures, save_controls  # noqa: E402
from app.session import errors_told, keep_shared  # noqa: E402

torch.backends.cudnn.allow_tf32 = False  # float32 throughout, on a GPU too
# Our own limit of an image's size is stricter than Pillow's and has a sentence of its own.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Uploads stay in memory: from a megabyte on, they would pass through a temporary file on their way to Streamlit.
MultiPartParser.spool_max_size = 2**20 * (st.get_option("server.maxUploadSize") + 1)

st.set_page_config(page_title="GNC explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")


def page_of(name: str, title: str, icon: str) -> StreamlitPage:
    """The page in views/, at the address of its name."""
    return st.Page(f"views/{name}.py", title=title, icon=f":material/{icon}:", url_path=name.replace("_", "-"))


one_dimension = page_of("one_dimension", "One dimension", "stacked_line_chart")
pages = [
    one_dimension,
    page_of("two_dimensions", "Two dimensions", "scatter_plot"),
    page_of("inside", "Inside the prior", "grid_view"),
    page_of("landscape", "Energy landscape", "landscape"),
    page_of("maps", "Maps", "grid_on"),
    page_of("restore", "Restore", "auto_fix_high"),
    page_of("schedules", "Schedules", "timeline"),
]


def start() -> None:
    """The bare address: Streamlit gives its default page no path of its own, so it is this one."""
    st.switch_page(one_dimension, query_params=st.query_params.to_dict())


@st.cache_resource(show_spinner=False)
def set_aside(modules: int) -> None:
    """Takes all that has been imported out of the garbage collector's sight, whenever there is more of it. Streamlit collects
    garbage after every run of a script: torch and the like are 400,000 objects, and to look at them takes longer than a run."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


home = st.Page(start, title="Start", default=True, visibility="hidden")
page = st.navigation([home, *pages], position="top")
keep_shared(page.url_path)
forget_figures()
with errors_told():
    page.run()
    save_controls(st.session_state.get("save_place"))
    set_aside(len(sys.modules))
