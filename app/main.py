"""Entry point of the explorer: `streamlit run app/main.py`. It loads nothing heavy: a fresh server shows *Start* at once."""

import gc
import sys
import warnings
from pathlib import Path

import streamlit as st
from PIL import Image
from starlette.formparsers import MultiPartParser

# Streamlit puts this file's folder on the path; the packages `app` and `gnc_core` lie one above.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from app import memory, warming  # noqa: E402
from app.pages import PAGES  # noqa: E402
from app.session import errors_told, keep_shared  # noqa: E402

# Our own limit of an image's size is stricter than Pillow's and has a sentence of its own.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Uploads stay in memory: from a megabyte on, they would pass through a temporary file on their way to Streamlit.
MultiPartParser.spool_max_size = 2**20 * (st.get_option("server.maxUploadSize") + 1)

MODULES = 250

st.set_page_config(page_title="GNC explorer", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")


@st.cache_resource(show_spinner=False)
def set_aside(so_many: int) -> None:
    """Takes all that has been imported out of the garbage collector's sight, whenever there are `MODULES` more: torch and the
    like are 400,000 objects, and to look at them, as this does too, holds up all visitors for a fifth of a second."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


start = st.Page("views/start.py", title="Start", default=True)
page = st.navigation([start, *(page.entry() for page in PAGES)], position="top")
keep_shared(page.url_path)
st.session_state.figures = {}  # of this page, to be saved
if page != start:
    warming.give_way()
    from app import precision  # noqa: F401
with errors_told():
    page.run()
    warming.begin()
    if st.session_state.figures:
        from app.drawing import save_controls

        save_controls(st.session_state.get("save_place"))
    set_aside(len(sys.modules) // MODULES)
    memory.give_back()
